/* Intervals against scipy's (tests/reference/estimate.py). */
#include "engine/session/estimate.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

static void near(double a, double b, double tol)
{
    if (!(fabs(a - b) <= tol * (1 + fabs(b))))
        fail_msg("%.15g, expected %.15g", a, b);
}

static void test_quantiles(void **state)
{
    static const struct {
        double p, df, t;
    } row[] = {
        {0.6, 1, 0.32491969623407446},        {0.975, 1, 12.706204736432095},
        {0.9875, 1, 25.451699579293265},      {0.99375, 1, 50.92303663648571},
        {0.9995, 1, 636.6192487687896},       {0.6, 2, 0.28867513459481275},
        {0.975, 2, 4.302652729696142},        {0.9875, 2, 6.205346816570705},
        {0.99375, 2, 8.860200034654257},      {0.9995, 2, 31.599054577041514},
        {0.6, 3, 0.27667066233268983},        {0.975, 3, 3.182446305284263},
        {0.9875, 3, 4.176534846143866},       {0.99375, 3, 5.391949071934058},
        {0.9995, 3, 12.923978636637424},      {0.6, 5, 0.2671808657039658},
        {0.975, 5, 2.570581835636314},        {0.9875, 5, 3.163381449748624},
        {0.99375, 5, 3.810004699845396},      {0.9995, 5, 6.868826625881279},
        {0.6, 10, 0.26018482949208005},       {0.975, 10, 2.2281388519649385},
        {0.9875, 10, 2.6337669157116},        {0.99375, 10, 3.0382433341283095},
        {0.9995, 10, 4.586893858703131},      {0.6, 15, 0.25788530093726114},
        {0.975, 15, 2.131449545559323},       {0.9875, 15, 2.489879703472758},
        {0.99375, 15, 2.8366274760233616},    {0.9995, 15, 4.0727651959038464},
        {0.6, 31, 0.2555321683175277},        {0.975, 31, 2.0395134463964077},
        {0.9875, 31, 2.3555682821599073},     {0.99375, 31, 2.6519126890307296},
        {0.9995, 31, 3.633456349725412},      {0.6, 63, 0.2544196312479758},
        {0.975, 63, 1.998340542520741},       {0.9875, 63, 2.296236771514879},
        {0.99375, 63, 2.5714411855382133},    {0.9995, 63, 3.4517689449609965},
        {0.6, 127, 0.25387848558749554},      {0.975, 127, 1.9788195346805206},
        {0.9875, 127, 2.2682874284738586},    {0.99375, 127, 2.533780224919267},
        {0.9995, 127, 3.368785298574371},     {0.6, 255, 0.2536115885453555},
        {0.975, 255, 1.9693105698491928},     {0.9875, 255, 2.2547155186148764},
        {0.99375, 255, 2.5155503071318646},   {0.9995, 255, 3.3290876552090647},
        {0.6, 1000, 0.25341451583949864},     {0.975, 1000, 1.9623390808264074},
        {0.9875, 1000, 2.244783115019391},    {0.99375, 1000, 2.502233153231171},
        {0.9995, 1000, 3.300282648423858},    {0.6, 100000, 0.2533477771571799},
        {0.975, 100000, 1.9599877075346093},  {0.9875, 100000, 2.2414364829816043},
        {0.99375, 100000, 2.497750674492671}, {0.9995, 100000, 3.2906240314119133},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        near(student_quantile(row[i].p, row[i].df), row[i].t, 1e-9);
        near(student_quantile(1 - row[i].p, row[i].df), -row[i].t, 1e-9);
    }
    near(student_quantile(0.5, 7), 0, 1e-12);
    assert_true(isnan(student_quantile(0, 3)) && isnan(student_quantile(1, 3)) &&
                isnan(student_quantile(0.9, 0)));
}

static void test_intervals(void **state)
{
    static const struct {
        int32_t n, N, looks;
        double mean, sd, partial, sampling;
    } row[] = {
        {16, 20, 2, 4.237500000000001, 3.04343555870664, 0.8472225020327728, 1.6217323346360881},
        {16, 64, 2, 4.237500000000001, 3.04343555870664, 1.6406393204525545, 1.6217323346360881},
        {64, 100, 3, 4.9515625, 2.936145415471388, 0.5416272376809111, 0.7334273028091101},
        {64, 300, 4, 4.9515625, 2.936145415471388, 0.8370656939115231, 0.7334273028091101},
        {256, 300, 4, 4.9671875, 2.9223307747178016, 0.17595763122506317, 0.3596860552029592},
        {20, 20, 2, 4.61, 2.9952418406884154, 0.0, 1.4018163321538657},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double x[256], mean, sd;
        for (int32_t j = 0; j < row[i].n; j++)
            x[j] = (7919 * j % 101) / 10.0;
        mean_and_sd(x, row[i].n, &mean, &sd);
        near(mean, row[i].mean, 1e-12);
        near(sd, row[i].sd, 1e-12);
        assert_int_equal(looks_of(row[i].N), row[i].looks);
        near(partial_half(sd, row[i].n, row[i].N), row[i].partial, 1e-9);
        near(sampling_half(sd, row[i].n), row[i].sampling, 1e-9);
    }
}

static void test_few(void **state)
{
    double mean, sd, x = 3;
    (void)state;
    mean_and_sd(&x, 1, &mean, &sd);
    assert_true(mean > 2.9 && mean < 3.1 && isnan(sd) && isnan(sampling_half(sd, 1)) &&
                isnan(partial_half(sd, 1, 9)));
    mean_and_sd(&x, 0, &mean, &sd);
    assert_true(isnan(mean));
    assert_true(isnan(sampling_half(0, 64)) && isnan(partial_half(0, 16, 64)));
}

static void test_looks(void **state)
{
    static const int32_t row[][3] = {{0, 64, 0},      {15, 64, 0},     {16, 64, 16},
                                     {63, 64, 16},    {64, 64, 64},    {15, 15, 15},
                                     {64, 65, 64},    {255, 256, 64},  {256, 256, 256},
                                     {300, 500, 256}, {500, 500, 500}, {16, 17, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        assert_int_equal(look_reached(row[i][0], row[i][1]), row[i][2]);
    assert_int_equal(looks_of(16), 1);
    assert_int_equal(looks_of(17), 2);
    assert_int_equal(looks_of(1000), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quantiles),
                                       cmocka_unit_test(test_intervals), cmocka_unit_test(test_few),
                                       cmocka_unit_test(test_looks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
