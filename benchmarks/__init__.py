"""What is measured, in a scratch database and against the local Stripe: `make benchmark`."""
