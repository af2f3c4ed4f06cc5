/* SPDX-License-Identifier: Apache-2.0
 *
 * The program: everything is behind a verb of the command line.
 */
#include "cli/cli.h"

int main(int argc, char **argv, char **envp)
{
    panic_install_handlers();
    thread_set_kind(THREAD_MAIN);
    return cli_main(argc, argv, envp);
}
