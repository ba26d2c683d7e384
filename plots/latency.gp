# latency.gp - percentiles of the time of single requests, closed loop and so uncorrected, at the highest concurrency of the run.
load common
set title "How long does one request take?\n{/*0.8 " . safe(plain(workload)) . " (" . safe(workload) . "), with the most requests in flight}" font ",15"
set xlabel "percentile of all requests (uncorrected: closed loop)"
set ylabel "milliseconds, logarithmic"
set xtics ("50 %%" 0, "90 %%" 1, "99 %%" 2, "99.9 %%" 3)
set xrange [-0.25:3.25]
set logscale y
set format y "%g"
set grid ytics mytics
plot for [i = 0:last] data index i using ($1 + (i - last / 2.0) * 0.03):2:3:4 with yerrorlines lw 2 ps 1.1 pt point(i) lc rgb colour(i) title columnheader(1)
