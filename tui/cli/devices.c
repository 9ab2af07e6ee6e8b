/* --device list, and the devices as doctor tells them. */
#include "tui/cli/devices.h"
#include "engine/device.h"
#include "tui/cli/explorer_options.h"
#include <limits.h>
#include <string.h>

static json_t *bytes_json(uint64_t n, const struct device_info *d)
{
    return d->memory.total > 0 ? json_integer((json_int_t)n) : json_null();
}

json_t *devices_json(const struct device_info *device, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const struct device_info *d = &device[i];
        const bool computes = !error_is_set(&d->why_not);
        json_array_append_new(
            list,
            json_pack("{s:s, s:o, s:s?, s:s?, s:s?, s:o, s:o, s:o}", "name", d->name, "description",
                      json_text(computes ? d->description : NULL), "isa", d->isa, "products",
                      d->library, "capability", d->capability[0] ? d->capability : NULL, "memory",
                      bytes_json(d->memory.total, d), "memory_free", bytes_json(d->memory.free, d),
                      "error", json_text(computes ? NULL : d->why_not.text)));
    }
    return list;
}

void device_text(const struct device_info *d, struct strbuf *out)
{
    char memory[64];
    if (error_is_set(&d->why_not)) {
        strbuf_adds(out, d->why_not.text);
        return;
    }
    device_memory_text(&d->memory, memory, sizeof memory);
    strbuf_adds(out, d->description);
    if (d->capability[0])
        strbuf_addf(out, ", capability %s", d->capability);
    if (memory[0])
        strbuf_addf(out, ", %s", memory);
}

static bool list_devices(struct cli *cli, const void *values, int n_operands, char **operand,
                         struct error *e)
{
    (void)values, (void)n_operands, (void)operand, (void)e;
    struct device_info device[DEVICES_MAX];
    const int n = devices_list(cli->opt.threads, device, DEVICES_MAX);
    if (cli->opt.output == OUTPUT_JSON) {
        output_json(cli, json_pack("{s:o}", "devices",
                                   devices_json(device, n < DEVICES_MAX ? n : DEVICES_MAX)));
        return true;
    }
    for (int i = 0; i < n && i < DEVICES_MAX; i++) {
        device_text(&device[i], &cli->out);
        strbuf_adds(&cli->out, "\n");
    }
    return true;
}

bool devices_asked(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--device=list") == 0 ||
            (i + 1 < argc && strcmp(argv[i], "--device") == 0 && strcmp(argv[i + 1], "list") == 0))
            return true;
    return false;
}

struct command devices_command(const struct command *instead_of)
{
    static const struct explorer_values none;
    const struct command explorer = {.name = "--device list",
                                     .options = explorer_options,
                                     .defaults = &none,
                                     .values_size = sizeof none};
    struct command c = instead_of ? *instead_of : explorer;
    c.min_operands = 0;
    c.max_operands = instead_of ? INT_MAX : 0;
    c.csv = c.svg = c.no_json = false;
    c.tolerant = true;
    c.operands = instead_of ? c.operands : "";
    c.run = list_devices;
    return c;
}
