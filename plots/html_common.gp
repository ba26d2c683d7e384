# html_common.gp - what the pictures of report.html share. They are made to be put into a page: no title, no background, no key, no
# text of the run's, since colours, fonts and words are the page's. The driver gives data, image, width, height, n (series), points
# and dashes (a word a series), xname, yname, x0 x1 y0 y1 (the extent of what is drawn), logx, logy.
# The first thing that is plotted belongs to no series; what follows belongs to series 0, 1, ... n - 1 in turn. A mark has a hypertext
# L and its number, a label of a row is R and its number. runners/driver/svg.c puts in what they stand for.
set terminal svg size width,height noenhanced font "sans,14" linewidth 1
set output image
set encoding utf8
set border 3 lc rgb "black"
set tics nomirror scale 0.5
set grid lc rgb "gray" lt 1 lw 0.6
unset key
if (logx) set logscale x
if (logy) set logscale y
set xlabel xname offset 0,0.3
set format x x1 < 10000 ? "%g" : "%.0s%c"
set format y y1 < 10000 ? "%g" : "%.0s%c"
# Four labels or so, wherever the axis begins: steps of 1, 2 or 5 where it is linear or short, else 1, 3, or 1, 2, 3 and 5 in a decade.
size(r) = 10.0**floor(log10(r / 3.0))
nice(r) = r / 3.0 / size(r) < 1.5 ? size(r) : r / 3.0 / size(r) < 3.5 ? 2 * size(r) : r / 3.0 / size(r) < 7.5 ? 5 * size(r) : 10 * size(r)
steps(from, to) = to / from < 30 ? "1 2 3 5" : to / from < 1000 ? "1 3" : "1"
short(from, to) = to / from < 4
# Room around the marks, in the measure of the axis.
set xrange [logx ? x0 / (x1 / x0)**0.06 / 1.02 : x0 - 0.06 * (x1 - x0) - (x0 == x1) : logx ? x1 * (x1 / x0)**0.06 * 1.02 : x1 + 0.06 * (x1 - x0) + (x0 == x1)]
pt(i) = int(word(points, i + 1))
dash(i) = int(word(dashes, i + 1))
