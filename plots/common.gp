# common.gp - what all pictures share: output, palette, grid, caption. Given by the driver: data, image, format, workload, caption.
# A model has the same colour and point in every picture: those of the file palette.
if (format eq "svg") set terminal svg size 900,540 enhanced mouse standalone font "DejaVu Sans,13" background rgb "white"
if (format eq "png") set terminal pngcairo size 1350,810 enhanced font "DejaVu Sans,11" fontscale 1.45
set output image

names = system("sed -n 's/^\"\\(.*\\)\"$/\\1/p' '" . data . "'")
palette = system("grep -v '^#' '" . common[1:strlen(common) - strlen("common.gp")] . "palette'") # name light dark point
known = words(palette) / 4
family(name) = strstrt(name, ":") ? name[1:strstrt(name, ":") - 1] : strstrt(name, "@") ? name[1:strstrt(name, "@") - 1] : name
bare(name) = strstrt(name, "@") ? name[1:strstrt(name, "@") - 1] : name
place(name) = (sum [k = 0:known - 1] (word(palette, 4 * k + 1) eq name ? k + 1 : 0))
style(name) = place(bare(name)) ? place(bare(name)) : place(family(name)) ? place(family(name)) : known
colour(i) = word(palette, 4 * style(word(names, i + 1)) - 2)
point(i) = int(word(palette, 4 * style(word(names, i + 1))))

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
