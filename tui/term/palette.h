/* Colours as numbers: the xterm palette, OKLab (Ottosson 2020), contrast (WCAG 2.1). RGB is
 * 0xrrggbb, sRGB. */
#ifndef GLIMT_TERM_PALETTE_H
#define GLIMT_TERM_PALETTE_H
#include <stdint.h>

/* sRGB of palette index 0 … 255; 0 … 15 are xterm's defaults, which users change. */
uint32_t palette_rgb(int index);
/* The index in first … last whose colour is nearest in OKLab. */
int palette_nearest(uint32_t rgb, int first, int last);
struct oklab {
    double L, a, b;
};
struct oklab oklab_of(uint32_t rgb);
/* WCAG contrast ratio, 1 … 21. */
double palette_contrast(uint32_t rgb, uint32_t other);
#endif
