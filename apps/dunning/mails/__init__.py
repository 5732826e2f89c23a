"""Which mail a customer gets, when, and why not: decided here, sent elsewhere. Plain Python.

`kinds` names the mails, `facts` is what a decision knows, `rules` what the merchant chose, `chase`
decides the sequences, `hours` keeps the night quiet.
"""
