# answer.gp - one question, one answer a row: a point with its interval. Given: data ("label" value lo hi), image, question, axis, log, caption.
set terminal svg size 900,110 + 46 * rows enhanced font "DejaVu Sans,13" background rgb "white"
set output image
set title question font ",15"
set label 1000 caption at screen 0.012, 0.03 font ",9" textcolor rgb "#606060"
set lmargin 34
set bmargin 5
set border 1 lc rgb "#808080"
set tics nomirror textcolor rgb "#303030"
set grid xtics lc rgb "#e0e0e0" lt 1 lw 0.8
set xlabel axis
set ytics scale 0
set yrange [rows - 0.5:-0.5]
unset key
if (log) set logscale x
if (!log) set xrange [0:*]
if (log) set format x "%.0s%cs"
plot data using 2:0:3:4:ytic(1) with xerrorbars lw 2 pt 7 ps 1.2 lc rgb "#0072B2"
