"""The sandbox as a process: Stripe's wire format on localhost, kept in a file, on a moving clock."""
