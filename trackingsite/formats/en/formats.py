"""Days and moments where a page writes none in words of its own, the back-office above all: with their zone, and so that a
column of them can be read down. The same in every language."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i e"
