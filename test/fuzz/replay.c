/* SPDX-License-Identifier: Apache-2.0
 *
 * Feeds each file of the folders named on the command line to a fuzz target: what fuzzing once found
 * stays tested, with any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { PATH_MAX_LEN = 4096, INPUT_MAX = 1 << 20 };

static void replay_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);
    if (stream == NULL || bytes == NULL) {
        perror(path);
        exit(1);
    }
    size_t len = fread(bytes, 1, INPUT_MAX, stream);
    fclose(stream);
    /* In a block of its exact size a read past the end shows. */
    uint8_t *tight = realloc(bytes, len > 0 ? len : 1);
    (void)LLVMFuzzerTestOneInput(tight != NULL ? tight : bytes, len);
    free(tight != NULL ? tight : bytes);
}

static int replay_folder(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return 0; /* a target without findings has no such folder */
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[PATH_MAX_LEN];
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            replay_file(path);
            count++;
        }
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        count += replay_folder(argv[i]);
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
