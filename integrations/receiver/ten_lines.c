/* SPDX-License-Identifier: Apache-2.0
 *
 * A receiver in ten lines. It verifies, answers, and then calls work():
 *     cc ten_lines.c -lgrapnel -o receiver && ./receiver 127.0.0.1:8080 github 'the secret'
 */
#include <grapnel_receiver.h>
#include <stdio.h>

static bool work(void *ctx, const struct grapnel_event *event)
{
    (void)ctx;
    return printf("%.*s\n", (int)event->body.len, event->body.ptr) > 0 && fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    return argc == 4 ? grapnel_receive(argv[1], argv[2], argv[3], work, NULL) : 2;
}
