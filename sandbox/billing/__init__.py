"""What Stripe Billing does: invoices, charges, retries, the life of a subscription."""
