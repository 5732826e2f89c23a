"""The whole product on a virtual clock, against the local Stripe as judge, with everything failing.

One seed is one world: a merchant, its customers, workers, beats and troubles. The same seed gives
the same world, step by step.
"""
