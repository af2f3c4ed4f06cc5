// SPDX-License-Identifier: Apache-2.0
// How to verify an event, in eight languages: each a whole small server, run by test/web/test_portal_snippets.py as it
// stands here (C# by Mono; it is for .NET as well). Languages whose library for Standard Webhooks is in their usual registry use it; the others do with
// what comes with the language.

export type Language = "Node" | "Python" | "Go" | "PHP" | "Ruby" | "Java" | "C#" | "Rust";

export interface Snippet {
  /** What to install first; empty: nothing. */
  install: string;
  file: string;
  code: string;
}

const NODE = `import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const hook = new Webhook(process.env.WEBHOOK_SECRET);

createServer(async (req, res) => {
  const parts = [];
  for await (const part of req) parts.push(part);
  try {
    const event = hook.verify(Buffer.concat(parts), req.headers);
    res.writeHead(204).end(); // answer first
    console.log(event);       // then work
  } catch {
    res.writeHead(400).end(); // forged, or damaged
  }
}).listen(process.env.PORT ?? 8080);
`;

const PYTHON = `import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
hook = Webhook(os.environ["WEBHOOK_SECRET"])


@app.post("PATH")
def receive():
    try:
        event = hook.verify(request.get_data(), dict(request.headers))
    except WebhookVerificationError:
        return "", 400
    print(event)
    return "", 204


app.run(port=int(os.environ.get("PORT", 8080)))
`;

const GO = `package main

import (
	"io"
	"log"
	"net/http"
	"os"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	hook, err := webhooks.NewWebhook(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("PATH", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || hook.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusBadRequest) // forged, or damaged
			return
		}
		w.WriteHeader(http.StatusNoContent)
		log.Printf("%s", body)
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
`;

const PHP = `<?php
$secret = base64_decode(substr(getenv("WEBHOOK_SECRET"), strlen("whsec_")));
$id = $_SERVER["HTTP_WEBHOOK_ID"] ?? "";
$time = $_SERVER["HTTP_WEBHOOK_TIMESTAMP"] ?? "";
$body = file_get_contents("php://input");

$expected = base64_encode(hash_hmac("sha256", "$id.$time.$body", $secret, true));
$genuine = false;
foreach (explode(" ", $_SERVER["HTTP_WEBHOOK_SIGNATURE"] ?? "") as $signature) {
    $genuine = $genuine || hash_equals("v1,$expected", $signature);
}
if (!$genuine || abs(time() - (int) $time) > 300) {
    http_response_code(400);
    exit;
}
http_response_code(204);
$event = json_decode($body, true);
error_log($event["type"] ?? $id);
`;

const RUBY = `require "base64"
require "openssl"

class Webhooks # a Rack application: config.ru has "run Webhooks.new"
  SECRET = Base64.decode64(ENV.fetch("WEBHOOK_SECRET").delete_prefix("whsec_"))

  def call(env)
    id, time = env["HTTP_WEBHOOK_ID"], env["HTTP_WEBHOOK_TIMESTAMP"]
    body = env["rack.input"].read
    expected = "v1," + Base64.strict_encode64(OpenSSL::HMAC.digest("SHA256", SECRET, "#{id}.#{time}.#{body}"))
    genuine = env["HTTP_WEBHOOK_SIGNATURE"].to_s.split.any? { |one| OpenSSL.secure_compare(one, expected) }
    return [400, {}, []] unless genuine && (Time.now.to_i - time.to_i).abs < 300

    puts body
    [204, {}, []]
  end
end
`;

const JAVA = `import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.security.MessageDigest;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Webhooks {
    static boolean isGenuine(String secret, String id, String time, String signatures, byte[] body) throws Exception {
        if (id == null || time == null || signatures == null) return false;
        if (Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(time)) > 300) return false;
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(Base64.getDecoder().decode(secret.replaceFirst("^whsec_", "")), "HmacSHA256"));
        mac.update((id + "." + time + ".").getBytes("UTF-8"));
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes("UTF-8");
        for (String one : signatures.split(" "))
            if (MessageDigest.isEqual(one.getBytes("UTF-8"), expected)) return true;
        return false;
    }

    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.createContext("PATH", call -> {
            byte[] body = call.getRequestBody().readAllBytes();
            var head = call.getRequestHeaders();
            int status = 400;
            try {
                if (isGenuine(System.getenv("WEBHOOK_SECRET"), head.getFirst("webhook-id"),
                        head.getFirst("webhook-timestamp"), head.getFirst("webhook-signature"), body)) status = 204;
            } catch (Exception forged) {
                status = 400;
            }
            call.sendResponseHeaders(status, -1);
            call.close();
        });
        server.start();
    }
}
`;

const CSHARP = `using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Security.Cryptography;
using System.Text;

static class Webhooks
{
    static bool IsGenuine(string secret, string id, string time, string signatures, byte[] body)
    {
        if (!long.TryParse(time, out var at) || Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - at) > 300) return false;
        var signed = Encoding.UTF8.GetBytes($"{id}.{time}.").Concat(body).ToArray();
        using (var mac = new HMACSHA256(Convert.FromBase64String(secret.Substring("whsec_".Length))))
        {
            var expected = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(mac.ComputeHash(signed)));
            return (signatures ?? "").Split(' ').Any(one =>
                CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), expected));
        }
    }

    static void Main()
    {
        var secret = Environment.GetEnvironmentVariable("WEBHOOK_SECRET");
        var listener = new HttpListener();
        listener.Prefixes.Add($"http://*:{Environment.GetEnvironmentVariable("PORT") ?? "8080"}/");
        listener.Start();
        while (true)
        {
            var call = listener.GetContext();
            var head = call.Request.Headers;
            var body = new MemoryStream();
            call.Request.InputStream.CopyTo(body);
            var genuine = IsGenuine(secret, head["webhook-id"], head["webhook-timestamp"], head["webhook-signature"], body.ToArray());
            call.Response.StatusCode = genuine ? 204 : 400; // forged, or damaged
            call.Response.Close();
            if (genuine) Console.WriteLine(Encoding.UTF8.GetString(body.ToArray()));
        }
    }
}
`;

const RUST = `use axum::{body::Bytes, http::HeaderMap, http::StatusCode, routing::post, Router};
use standardwebhooks::Webhook;

async fn receive(headers: HeaderMap, body: Bytes) -> StatusCode {
    let secret = std::env::var("WEBHOOK_SECRET").expect("WEBHOOK_SECRET");
    let hook = Webhook::new(&secret).expect("a secret like whsec_...");
    if hook.verify(&body, &headers).is_err() {
        return StatusCode::BAD_REQUEST; // forged, or damaged
    }
    println!("{}", String::from_utf8_lossy(&body));
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() {
    let app = Router::new().route("PATH", post(receive));
    let port = std::env::var("PORT").unwrap_or("8080".into());
    let listener = tokio::net::TcpListener::bind(format!("0.0.0.0:{port}")).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
`;

const SNIPPETS: Record<Language, Snippet> = {
  Node: { install: "npm install standardwebhooks", file: "webhooks.mjs", code: NODE },
  Python: { install: "pip install standardwebhooks flask", file: "webhooks.py", code: PYTHON },
  Go: { install: "go get github.com/standard-webhooks/standard-webhooks/libraries", file: "main.go", code: GO },
  PHP: { install: "", file: "webhooks.php", code: PHP },
  Ruby: { install: "", file: "webhooks.rb", code: RUBY },
  Java: { install: "", file: "Webhooks.java", code: JAVA },
  "C#": { install: "", file: "Program.cs", code: CSHARP },
  Rust: { install: "cargo add standardwebhooks@1 axum@0.8 && cargo add tokio@1 -F full", file: "src/main.rs", code: RUST },
};

export const LANGUAGES = Object.keys(SNIPPETS) as Language[];

/** Only what needs no escaping in any of the languages; everything else gets a path of ours. */
function pathOf(url: string): string {
  try {
    const path = new URL(url).pathname;
    return /^\/[A-Za-z0-9/_.~-]{1,120}$/.test(path) ? path : "/webhooks";
  } catch {
    return "/webhooks";
  }
}

/** The snippet for an endpoint: it listens at the path of its URL. */
export function snippetFor(language: Language, url: string): Snippet {
  const snippet = SNIPPETS[language];
  return { ...snippet, code: snippet.code.replace('"PATH"', `"${pathOf(url)}"`) };
}
