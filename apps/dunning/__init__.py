"""Dunning decides what happens next to a failed payment. Plain Python: it reads facts and does nothing.

Facts in (`facts`), the merchant's rules in (`rules`), the moment in (`now`), a decision out
(`decision`, made by `policy.next_step`). No clock, no database, no network in here.
"""
