/* assets.h - files that are a part of the program: $(BUILD)/assets.c, which the Makefile writes. */
#ifndef GILBENCH_ASSETS_H
#define GILBENCH_ASSETS_H

extern const char asset_palette[];  /* plots/palette */
extern const char asset_page_css[]; /* runners/driver/report/page.css */
extern const char asset_page_js[];  /* runners/driver/report/page.js */

#endif
