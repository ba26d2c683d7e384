# rate.gp - open loop: what was achieved of the offered load, and the latency that it costs, corrected and uncorrected.
load common
if (format eq "svg") set terminal svg size 1300,520 enhanced mouse standalone font "DejaVu Sans,12" background rgb "white"
if (format eq "png") set terminal pngcairo size 1950,780 enhanced font "DejaVu Sans,11" fontscale 1.3
set xlabel "offered requests a second, logarithmic"
set logscale x
set format x "%.0s%c"
stats data using 1 nooutput
set xrange [STATS_min / 1.5:STATS_max * 1.5]
set bmargin 0
unset key
set multiplot layout 1,4 margins 0.05, 0.85, 0.19, 0.83 spacing 0.055, 0 \
    title "How long does a request take under which load?  " . safe(plain(workload)) . " (" . safe(workload) . "), open loop" font ",15"
set logscale y
set format y "%.0s%c"
set title "achieved requests a second"
plot x with lines dt 3 lc rgb "#808080" notitle, \
     for [i = 0:last] data index i using 1:2:3:4 with yerrorlines lw 2 ps 1 pt point(i) lc rgb colour(i) title columnheader(1)
unset label 1000
set format y "%g"
set title "p50, corrected, ms"
plot for [i = 0:last] data index i using 1:5:6:7 with yerrorlines lw 2 ps 1 pt point(i) lc rgb colour(i) title columnheader(1)
set title "p99, corrected, ms"
plot for [i = 0:last] data index i using 1:8:9:10 with yerrorlines lw 2 ps 1 pt point(i) lc rgb colour(i) title columnheader(1)
set title "p99, uncorrected, ms"
set key at screen 0.995, screen 0.83 right top reverse Left spacing 1.3
plot for [i = 0:last] data index i using 1:11:12:13 with yerrorlines lw 2 ps 1 dt 2 pt point(i) lc rgb colour(i) title columnheader(1)
unset multiplot
