/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the filters of an event, with libcurl and jansson. The exit code is 0 when the process may go on, 3
 * when it is to stop, 1 when there is no verdict.
 *     cc ask.c -lcurl -ljansson -o ask && ./ask http://127.0.0.1:8071 TOKEN APP EVENT '{"user": {"id": 4}}'
 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* The verdict, to be released; NULL: there is none. */
static json_t *ask(const char *server, const char *token, const char *app, const char *event,
                   json_t *data)
{
    char url[1024], header[512], *text = NULL;
    size_t len;
    json_t *verdict = NULL, *question = json_pack("{s:O}", "data", data);
    char *body = json_dumps(question, 0);
    FILE *answer = open_memstream(&text, &len);
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof(url), "%s/api/v1/app/%s/filter-chain/%s", server, app, event);
    snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
    struct curl_slist *headers = curl_slist_append(NULL, header);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L); /* above the chain's deadline */
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (curl_easy_perform(curl) == CURLE_OK && fflush(answer) == 0)
        verdict = json_loads(text, 0, NULL);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    fclose(answer);
    free(text);
    free(body);
    json_decref(question);
    return verdict;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    json_t *data = json_loads(argv[5], 0, NULL);
    json_t *verdict = ask(argv[1], argv[2], argv[3], argv[4], data);
    int code = verdict == NULL ? 1 : json_is_true(json_object_get(verdict, "halt")) ? 3 : 0;
    if (verdict != NULL)
        json_dumpf(json_object_get(verdict, code == 0 ? "data" : "reason"), stdout,
                   JSON_ENCODE_ANY);
    json_decref(verdict);
    json_decref(data);
    return code;
}
