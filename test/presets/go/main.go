// SPDX-License-Identifier: Apache-2.0

// How each provider's own Go library judges a request: a line of JSON in (preset, secret, headers, body, url), a line out.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	"code.gitea.io/sdk/gitea"
	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/buildkite/go-buildkite/v4"
	"github.com/mailgun/mailgun-go/v4"
)

type request struct {
	Preset, Secret, Body, URL string
	Headers                   map[string]string
}

func (r request) http() *http.Request {
	made, err := http.NewRequest("POST", r.URL, bytes.NewBufferString(r.Body))
	if err != nil {
		panic(err)
	}
	for name, value := range r.Headers {
		made.Header.Set(name, value)
	}
	return made
}

func mailgunJudge(r request) (bool, error) {
	client := mailgun.NewMailgun("example.com", "none")
	client.SetWebhookSigningKey(r.Secret)
	if !strings.HasPrefix(r.Headers["content-type"], "application/json") {
		return client.VerifyWebhookRequest(r.http())
	}
	var payload struct{ Signature mailgun.Signature }
	if err := json.Unmarshal([]byte(r.Body), &payload); err != nil {
		return false, err
	}
	return client.VerifyWebhookSignature(payload.Signature)
}

var judges = map[string]func(request) (bool, error){
	"buildkite": func(r request) (bool, error) {
		_, err := buildkite.ValidatePayload(r.http(), []byte(r.Secret))
		return err == nil, err
	},
	"gitea": func(r request) (bool, error) {
		return gitea.VerifyWebhookSignature(r.Secret, r.Headers["x-gitea-signature"], []byte(r.Body))
	},
	"mailgun": mailgunJudge,
	"pagerduty": func(r request) (bool, error) {
		err := webhookv3.VerifySignature(r.http(), r.Secret)
		return err == nil, err
	},
}

func versions() {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		fmt.Println(module.Path, strings.TrimPrefix(module.Version, "v"))
	}
}

func main() {
	if len(os.Args) > 1 {
		versions()
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			panic(err)
		}
		verdict := map[string]any{}
		good, err := judges[r.Preset](r)
		verdict["good"] = good
		if err != nil {
			verdict["why"] = err.Error()
		}
		answer, _ := json.Marshal(verdict)
		fmt.Printf("\x1e%s\n", answer)
	}
}
