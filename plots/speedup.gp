# speedup.gp - speed-up over workers, with the ideal line and the control in C.
load common
set title "Do more workers make it faster?\n{/*0.8 " . safe(plain(workload)) . " (" . safe(workload) . ")}" font ",15"
set xlabel "workers, each on a core of its own"
set ylabel "speed-up over one worker of the same language"
stats data using 1 nooutput
top = int(STATS_max)
set xrange [0.75:top + 0.25]
set yrange [0:*]
set xtics 1
spread(i) = (i - last / 2.0) * 0.025 # points that would hide each other stand side by side
plot x >= 1 && x <= top ? x : NaN with lines lw 1.5 dt 2 lc rgb "#909090" title "ideal", \
     for [i = 0:last] data index i using ($1 + spread(i)):2:3:4 with yerrorlines lw 2 ps 1.1 pt point(i) lc rgb colour(i) title columnheader(1), \
     data index last + 1 using 1:(0) with points pt 6 ps 2 lw 2 lc rgb "#B00000" title "VOID"
