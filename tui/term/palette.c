#include "tui/term/palette.h"
#include <math.h>

static const uint32_t xterm_16[16] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                                      0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                                      0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};

static uint32_t cube_level(int i)
{
    return i ? (uint32_t)(55 + 40 * i) : 0;
}

uint32_t palette_rgb(int index)
{
    if (index < 0 || index > 255)
        return 0;
    if (index < 16)
        return xterm_16[index];
    if (index >= 232)
        return (uint32_t)(8 + 10 * (index - 232)) * 0x010101;
    index -= 16;
    return cube_level(index / 36) << 16 | cube_level(index / 6 % 6) << 8 | cube_level(index % 6);
}

static double linear(uint32_t byte)
{
    double c = (double)(byte & 255) / 255;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

struct oklab oklab_of(uint32_t rgb)
{
    double r = linear(rgb >> 16), g = linear(rgb >> 8), b = linear(rgb);
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    return (struct oklab){0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
                          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
                          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

int palette_nearest(uint32_t rgb, int first, int last)
{
    struct oklab want = oklab_of(rgb);
    double best = INFINITY;
    int nearest = first;
    for (int i = first; i <= last; i++) {
        struct oklab c = oklab_of(palette_rgb(i));
        double d = pow(c.L - want.L, 2) + pow(c.a - want.a, 2) + pow(c.b - want.b, 2);
        if (d < best) {
            best = d;
            nearest = i;
        }
    }
    return nearest;
}

static double luminance(uint32_t rgb)
{
    return 0.2126 * linear(rgb >> 16) + 0.7152 * linear(rgb >> 8) + 0.0722 * linear(rgb);
}

double palette_contrast(uint32_t rgb, uint32_t other)
{
    double a = luminance(rgb) + 0.05, b = luminance(other) + 0.05;
    return a > b ? a / b : b / a;
}
