# common.gp - what all pictures share: output, palette, grid, caption. Given by the driver: data, image, format, workload, caption.
# A model has the same colour and point in every picture. The colours are Okabe and Ito's and shades of them, which people with any
# kind of colour vision can tell apart; relatives have relatives' colours, and points of their own.
if (format eq "svg") set terminal svg size 900,540 enhanced mouse standalone font "DejaVu Sans,13" background rgb "white"
if (format eq "png") set terminal pngcairo size 1350,810 enhanced font "DejaVu Sans,11" fontscale 1.45
set output image

names = system("sed -n 's/^\"\\(.*\\)\"$/\\1/p' '" . data . "'")
known = "serial threads procs:fork procs:forkserver procs:spawn promise:chain promise:await asyncio uvloop pthreads"
array Colour[11] = [0x000000, 0xD55E00, 0x006B4E, 0x009E73, 0x66C2A5, 0x0072B2, 0x56B4E9, 0xE69F00, 0xCC79A7, 0x7A7A7A, 0x8C564B]
array Point[11] = [3, 5, 9, 11, 13, 7, 15, 13, 9, 2, 1]
place(name) = (sum [k = 1:words(known)] (word(known, k) eq name ? k : 0))
style(i) = place(word(names, i + 1)) ? place(word(names, i + 1)) : 11
colour(i) = Colour[style(i)]
point(i) = Point[style(i)]

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
