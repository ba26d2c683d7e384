# history.gp - what gates found of a benchmark over time: each run's ratio, the level it belongs to, and where that changed.
load common
set title "How has it changed?\n{/*0.8 " . safe(names) . "}" font ",15"
set xlabel "run"
set ylabel "time, candidate / baseline"
set key inside top left
stats data using 1 nooutput
set xrange [0.5:STATS_max + 0.5]
set format y "%.3f"
plot 1 with lines dt 3 lc rgb "#808080" notitle, \
     data index 0 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1.2 lc rgb "#0072B2" title "a run", \
     data index 0 using 1:5 with steps lw 2.5 lc rgb "#000000" title "level", \
     data index 1 using 1:2 with points pt 8 ps 2.2 lw 2.5 lc rgb "#D55E00" title "change", \
     data index 2 using 1:2 with points pt 6 ps 1.2 lc rgb "#B00000" title "left out"
