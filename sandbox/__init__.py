"""A local Stripe, and what runs the demo around it. The product never imports it."""
