"""One page that shows results: figures, claims, curves to explore; and the paper reproduced."""

from fechner.report.page import report as report
from fechner.report.reproduce import reproduce as reproduce
