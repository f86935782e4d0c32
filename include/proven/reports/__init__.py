"""Reports that people read: in a terminal, and as one HTML document that stands alone.

`documents` and `periods` say what a report is made of, `gathering` and `period_gathering` read it from the stores, every
signature verified; `terminal` and `html` show it, and `facts` words what both of them say. Nothing is kept of a report: it can
be drawn again at any time from what is signed.
"""
