# html_rows.gp - a row a cell, what was measured along x. Also given: rows, and the shape: dots (a mark with its interval), stack (a
# bar of two parts, with the interval of their sum) or map (all models of a row share it).
load common
set lmargin labels
set yrange [-rows + 0.4:0.6]
unset ytics
set border 1
set grid noytics
if (logx && short(x0, x1)) { set xtics (); do for [k = -1:9] { set xtics add (nice(x1 - x0 + 1e-9 * x1) * (ceil(x0 / nice(x1 - x0 + 1e-9 * x1)) + k)) } }
if (logx && !short(x0, x1)) { set xtics (); do for [k = floor(log10(x0)) - 1:ceil(log10(x1))] { do for [m in steps(x0, x1)] { set xtics add (m * 10.0**k) } } }
if (!logx) set xtics nice(shape eq "stack" ? x1 : x1 > x0 ? x1 - x0 : 1)
if (shape eq "stack") set xrange [0:x1 * 1.06]
if (shape eq "map") set arrow 1 from 1, graph 0 to 1, graph 1 nohead dt 2 lw 1 lc rgb "gray"
left = shape ne "stack" ? (logx ? x0 / (x1 / x0)**0.06 / 1.02 : x0 - 0.06 * (x1 - x0) - (x0 == x1))  : 0
place(row, i) = -row + (shape eq "map" ? (i - (n - 1) / 2.0) / n * 0.8 : 0)
set style fill solid 1 noborder
if (shape eq "map") {
    plot data index n using (left):(-$1):(sprintf("R%d", $1)) with labels right offset -0.7,0, \
         for [i = 0:n - 1] data index i using 2:(place($1, i)):3:4 with xerrorbars lw 1.6 ps 0.75 pt pt(i) lc rgb "red", \
         for [i = 0:n - 1] data index i using 2:(place($1, i)):6 with labels hypertext point pt 7 ps 1.6 lc rgb "blue"
}
if (shape eq "dots") {
    plot NaN, \
         for [i = 0:n - 1] data index i using 2:(-$1):3:4 with xerrorbars lw 1.6 ps 0.75 pt pt(i) lc rgb "red", \
         for [i = 0:n - 1] data index i using 2:(-$1):6 with labels hypertext point pt 7 ps 1.6 lc rgb "blue", \
         for [i = 0:n - 1] data index i using (left):(-$1):(sprintf("R%d", $1)) with labels right offset -0.7,0
}
if (shape eq "stack") {
    plot NaN, \
         for [i = 0:n - 1] data index i using ($5 / 2):(-$1):(0):5:(-$1 - 0.32):(-$1 + 0.32) with boxxyerror lc rgb "red", \
         for [i = 0:n - 1] data index i using (($5 + $2) / 2):(-$1):5:2:(-$1 - 0.32):(-$1 + 0.32) with boxxyerror fs transparent solid 0.45 lc rgb "red", \
         for [i = 0:n - 1] data index i using 2:(-$1):3:4 with xerrorbars lw 1.4 ps 0 lc rgb "#010101", \
         for [i = 0:n - 1] data index i using 2:(-$1):6 with labels hypertext point pt 7 ps 1.6 lc rgb "blue", \
         for [i = 0:n - 1] data index i using (left):(-$1):(sprintf("R%d", $1)) with labels right offset -0.7,0
}
