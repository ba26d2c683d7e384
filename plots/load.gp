# load.gp - throughput, CPU time and memory over the number of requests in flight.
load common
if (format eq "svg") set terminal svg size 1200,520 enhanced mouse standalone font "DejaVu Sans,12" background rgb "white"
if (format eq "png") set terminal pngcairo size 1800,780 enhanced font "DejaVu Sans,11" fontscale 1.3
set xlabel "requests in flight"
set logscale x 4
stats data using 1 nooutput
set xrange [STATS_min / 1.5:STATS_max * 1.5]
set bmargin 0
unset key
set multiplot layout 1,3 margins 0.07, 0.83, 0.19, 0.83 spacing 0.075, 0 \
    title "How many requests a second, at what cost?  " . safe(plain(workload)) . " (" . safe(workload) . ")" font ",15"
set title "requests a second"
set format y "%.0s%c"
set yrange [0:*]
plot for [i = 0:last] data index i using 1:2:3:4 with yerrorlines lw 2 ps 1 pt point(i) lc rgb colour(i) title columnheader(1), \
     data index last + 1 using 1:(0) with points pt 6 ps 2 lw 2 lc rgb "#B00000" title "VOID"
unset label 1000
set format y "%g"
set title "CPU time of the subject, microseconds a request"
plot for [i = 0:last] data index i using 1:5:6:7 with yerrorlines lw 2 ps 1 pt point(i) lc rgb colour(i) title columnheader(1), \
     data index last + 1 using 1:(0) with points pt 6 ps 2 lw 2 lc rgb "#B00000" title "VOID"
set title "memory of the subject, MiB (PSS)"
set key at screen 0.99, screen 0.83 right top reverse Left spacing 1.3
plot for [i = 0:last] data index i using 1:8:9:10 with yerrorlines lw 2 ps 1 pt point(i) lc rgb colour(i) title columnheader(1), \
     data index last + 1 using 1:(0) with points pt 6 ps 2 lw 2 lc rgb "#B00000" title "VOID"
unset multiplot
