"""Charts as plain geometry: data in, boxes and points out. Templates in `charts/` draw them.

Each chart is drawn wide (960) and narrow (360), which groups to fewer marks. Colours are classes
with one meaning each (rec, wait, lost, fail), never values; numbers are rounded to 0.1.
"""

from apps.web.charts.bars import Bar, BarRow, Columns, Rows, columns, rows
from apps.web.charts.heat import Heat, heat
from apps.web.charts.lines import Line, Lines, lines, spark

__all__ = [
    "Bar",
    "BarRow",
    "Columns",
    "Heat",
    "Line",
    "Lines",
    "Rows",
    "columns",
    "heat",
    "lines",
    "rows",
    "spark",
]
