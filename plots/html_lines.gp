# html_lines.gp - a line a model over a parameter. Also given: ideal (draw y = x), fits ("a b" for each series, or ""), xs, where
# x has its labels, and zero, where its 0 stands on a logarithmic axis, or 0.
load common
set ylabel yname offset 0.8,0
set yrange [logy ? y0 / (y1 / y0)**0.06 / 1.05 : 0 : logy ? y1 * (y1 / y0)**0.06 * 1.05 : y1 * 1.06]
set samples 60
if (words(xs)) { set xtics () ; do for [k = 1:words(xs)] { set xtics add (real(word(xs, k))) } }
if (zero > 0) { set xtics add ("0" zero) }
if (logy && short(y0, y1)) { set ytics (); do for [k = -1:9] { set ytics add (nice(y1 - y0 + 1e-9 * y1) * (ceil(y0 / nice(y1 - y0 + 1e-9 * y1)) + k)) } }
if (logy && !short(y0, y1)) { set ytics (); do for [k = floor(log10(y0)) - 1:ceil(log10(y1))] { do for [m in steps(y0, y1)] { set ytics add (m * 10.0**k) } } }
# marks that would hide each other stand side by side
side(x, i) = logx ? x * ((x1 / x0)**0.004)**(i - (n - 1) / 2.0) : x + 0.004 * (x1 - x0) * (i - (n - 1) / 2.0)
set lmargin 9
plot ideal ? x : NaN with lines dt 2 lw 1 lc rgb "gray", \
     for [i = 0:n - 1] (words(fits) ? real(word(fits, 2 * i + 1)) + real(word(fits, 2 * i + 2)) * x : NaN) with lines dt 3 lw 1.2 lc rgb "red", \
     for [i = 0:n - 1] data index i using (side($1, i)):2:3:4 with yerrorlines lw 1.6 ps 0.75 pt pt(i) dt dash(i) lc rgb "red", \
     for [i = 0:n - 1] data index i using (side($1, i)):2:6 with labels hypertext point pt 7 ps 1.6 lc rgb "blue"
