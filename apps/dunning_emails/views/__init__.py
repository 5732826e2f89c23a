"""The customer's page of a payment link, and the merchant's pages about links and mails."""
