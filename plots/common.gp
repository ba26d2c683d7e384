# common.gp - what all pictures share: output, palette, grid, caption. Given by the driver: data, image, format, workload, caption.
# The colours are Okabe and Ito's, which people with any kind of colour vision can tell apart; each model has a point of its own too.
if (format eq "svg") set terminal svg size 900,540 enhanced mouse standalone font "DejaVu Sans,13" background rgb "white"
if (format eq "png") set terminal pngcairo size 1350,810 enhanced font "DejaVu Sans,11" fontscale 1.45
set output image

array Colour[8] = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x000000, 0x8C564B]
array Point[8] = [7, 5, 9, 11, 13, 15, 4, 8]
colour(i) = Colour[1 + i % 8]
point(i) = Point[1 + i % 8]

plain(s) = s eq "cpu_queens" ? "n queens in pure Python" : s eq "cpu_sha256" ? "SHA-256 in native code" : s eq "io_employee" ? "name, id, details from a store" : s eq "io_echo" ? "TCP echo" : s
safe(s) = system("printf '%s' '" . s . "' | sed 's/[_^@{}]/\\\\&/g'")

stats data using 0 nooutput
last = STATS_blocks - 2 # blocks of models; the last one is VOID
set border 3 lc rgb "#808080"
set tics nomirror textcolor rgb "#303030"
set grid ytics lc rgb "#e0e0e0" lt 1 lw 0.8
set key outside right top reverse Left spacing 1.3
set label 1000 safe(caption) at screen 0.012, 0.022 font ",9" textcolor rgb "#606060"
set bmargin 5
