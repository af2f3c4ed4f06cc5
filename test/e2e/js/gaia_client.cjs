// SPDX-License-Identifier: Apache-2.0
// A client of the Gaia webhook service, in plain Node: every status and body of both APIs.
// Environment: GRAPNEL_PORT, and the tokens the stand-in tenant service knows: "seven", "eight".
'use strict';
const assert = require('node:assert');
const http = require('node:http');

function call(method, path, { token, headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const all = { ...headers };
    if (token) all.authorization = `Bearer ${token}`;
    const request = http.request({ host: '127.0.0.1', port: process.env.GRAPNEL_PORT, method, path, headers: all }, (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => resolve({ status: answer.statusCode, type: answer.headers['content-type'], text,
        json: text === '' ? undefined : JSON.parse(text) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const json = { 'content-type': 'application/json' };
const config = (token, body, server = 'gaia.example.com') => call('POST', '/wh/config',
  { token, body: JSON.stringify(body), headers: { ...json, ...(server ? { 'X-ORIG-SERVER': server } : {}) } });

function isError(answer, status, pattern) {
  assert.strictEqual(answer.status, status, answer.text);
  assert.strictEqual(answer.json.status, 'error');
  assert.match(answer.json.msg, pattern);
}

async function configApi() {
  isError(await config(undefined, { datasource: 'github', event: 'push' }), 401, /./);
  isError(await config('unknown', { datasource: 'github', event: 'push' }), 401, /./);
  isError(await config('words', { datasource: 'github', event: 'push' }), 401, /./);
  isError(await config('seven', { event: 'push' }), 400, /^Bad request: /);
  isError(await config('seven', { datasource: 'github' }), 400, /^Bad request: /);
  isError(await config('seven', { datasource: 'github', event: 'push' }, null), 400, /^Bad request: /);
  isError(await call('POST', '/wh/config', { token: 'seven', body: '{', headers: { ...json, 'X-ORIG-SERVER': 'h' } }), 400, /^Bad request: /);

  const before = Date.now();
  const made = await config('seven', { datasource: 'github', event: 'push', tsField: 'commits[0].timestamp' });
  assert.strictEqual(made.status, 200);
  const hook = made.json;
  assert.ok(hook.createdAt >= before - 1000 && hook.createdAt <= Date.now() + 1000);
  assert.match(hook.token, /^[A-Za-z0-9_-]{43}$/);
  assert.deepStrictEqual({ ...hook, createdAt: 0, token: '' }, { datasource: 'github', event: 'push', eventType: 'push', createdAt: 0,
    apiToken: 'seven', tenantId: 7, token: '', tsField: 'commits[0].timestamp', hookUrl: `https://webhook.gaia.example.com/wh/seven/${hook.token}` });

  const kept = (await config('seven', { datasource: 'github', event: 'push', tsField: null })).json;
  assert.deepStrictEqual(kept, hook, 'null keeps the old tsField, and the token and time stay');
  const moved = (await config('seven-too', { datasource: 'github', event: 'push' }, 'webhooks.example.com')).json;
  assert.deepStrictEqual(moved, { ...hook, apiToken: 'seven-too', hookUrl: `https://webhooks.example.com/wh/seven-too/${hook.token}` });
  const without = (await config('seven', { datasource: 'github', event: 'push', tsField: '' })).json;
  assert.ok(!('tsField' in without), 'the empty text removes it');
  await config('seven', { datasource: 'github', event: 'push', tsField: 'commits[0].timestamp' });

  const other = (await config('eight', { datasource: 'github', event: 'push' })).json;
  assert.notStrictEqual(other.token, hook.token);
  const list = await call('GET', '/wh/config', { token: 'seven' });
  assert.strictEqual(list.status, 200);
  assert.deepStrictEqual(list.json, [hook]);
  const one = await call('GET', `/wh/config/${hook.token}`, { token: 'seven' });
  assert.deepStrictEqual([one.status, one.json], [200, hook]);
  const details = { status: 'error', msg: 'Failed to get webhook details' };
  for (const [token, path] of [['seven', 'nothing'], ['seven', other.token], ['eight', hook.token]]) {
    const answer = await call('GET', `/wh/config/${path}`, { token });
    assert.deepStrictEqual([answer.status, answer.json], [400, details]);
  }
  isError(await call('GET', `/wh/config/${hook.token}`, {}), 401, /./);
  const head = await call('HEAD', `/wh/config/${hook.token}`, { token: 'seven' });
  assert.deepStrictEqual([head.status, head.text], [200, '']);

  isError(await call('DELETE', `/wh/config/${other.token}`, { token: 'seven' }), 400, /./);
  const gone = await call('DELETE', `/wh/config/${other.token}`, { token: 'eight' });
  assert.deepStrictEqual([gone.status, gone.text], [204, '']);
  assert.deepStrictEqual((await call('GET', '/wh/config', { token: 'eight' })).json, []);
  return { hook, gone: other };
}

async function dataApi({ hook, gone }) {
  const path = `/wh/seven/${hook.token}`;
  const push = (body, headers = json, where = path) => call('POST', where, { body, headers });
  for (const [where, status] of [[path, 200], [`/wh/wrong/${hook.token}`, 500], ['/wh/seven/nothing', 400], [`/wh/eight/${gone.token}`, 400]]) {
    const answer = await call('HEAD', where);
    assert.deepStrictEqual([answer.status, answer.text], [status, ''], where);
  }
  isError(await push('{}', { 'content-type': 'text/plain' }), 415, /./);
  isError(await push('{}', {}), 415, /./);
  isError(await push('{}', json, `/wh/wrong/${hook.token}`), 400, /./);
  isError(await push('{}', json, '/wh/seven/nothing'), 400, /./);
  isError(await push('{}', json, `/wh/eight/${gone.token}`), 400, /./);
  isError(await push('{"a":'), 400, /./);
  const event = '{"commits":  [{"timestamp": "2016-11-02T12:20:30+02:00"}], "n": 1.50}\n';
  for (const type of ['application/json', 'application/json; charset=utf-8']) {
    const answer = await push(event, { 'content-type': type });
    assert.deepStrictEqual([answer.status, answer.text], [204, '']);
  }
}

configApi().then(async (made) => {
  await dataApi(made);
  console.log(JSON.stringify(made.hook));
}).catch((error) => {
  console.error(error);
  process.exit(1);
});
