"""The demo's time machine: a bar on every page. Local settings install it, nothing else can."""
