import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type ClientRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AdmissionReviewOut } from "../../src/model/admission.js";
import { buildProgram, type Program } from "./program.js";

const POLICY = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n";
const PACK =
  "apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: house}\nspec:\n  namespaces:\n    guarded: {names: [shop]}\n" +
  "  rules:\n  - {id: closed, check: require-default-deny, enforcementAction: deny, hold: deny, with: {namespaces: guarded}}\n";

describe("sluice serve", () => {
  let program: Program;
  let folder = "";
  beforeAll(async () => {
    program = await buildProgram();
    folder = await mkdtemp(join(tmpdir(), "sluice-serve-"));
    await mkdir(join(folder, "state"));
    await mkdir(join(folder, "packs"));
    await writeFile(join(folder, "state", "policy.yaml"), POLICY);
    await writeFile(join(folder, "packs", "house.yaml"), PACK);
  });
  afterAll(async () => {
    await program.remove();
    await rm(folder, { recursive: true, force: true });
  });

  function pod(name: string): object {
    const type = { group: "", version: "v1" };
    const object = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, spec: { containers: [] } };
    return review({ uid: name, kind: { ...type, kind: "Pod" }, resource: { ...type, resource: "pods" }, name, namespace: "shop", operation: "CREATE", object });
  }

  function review(parts: object): object {
    return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { userInfo: { username: "ann" }, ...parts } };
  }

  it("says what it guards and a line to try, judges, applies, follows the files, and drains on SIGTERM", async () => {
    const server = await start(["--state", join(folder, "state"), "--packs", join(folder, "packs"), "--port", "0", "--cert-dir", join(folder, "certs")]);
    const ca = await readFile(join(folder, "certs", "ca.crt"), "utf8");
    const ask = async (body: object): Promise<boolean> => (JSON.parse(await post(`${server.url}/validate`, ca, body)) as AdmissionReviewOut).response.allowed;
    expect(server.hello).toContain("guards 1 namespaces, 0 pods and 1 policies");
    expect(server.hello).toMatch(/curl --silent --cacert \S+ca\.crt https:\/\/127\.0\.0\.1:\d+\/validate --data '\{.*\}'/);
    expect(await ask(pod("a"))).toBe(true);
    const deletion = review({ uid: "d", kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" }, resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" }, name: "deny", namespace: "shop", operation: "DELETE", oldObject: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "deny", namespace: "shop" }, spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } } });
    expect(await ask(deletion)).toBe(false);
    await writeFile(join(folder, "state", "policy.yaml"), POLICY.replace("[Ingress, Egress]", "[Ingress]"));
    await server.logged("files changed");
    expect(await ask(pod("b"))).toBe(false);
    server.child.kill("SIGTERM");
    expect(await server.ended).toBe(0);
  });

  it("that is told to stop while it still starts stops in order", async () => {
    const api = createServer((asked, response) => {
      const answer = (): unknown => response.writeHead(404).end("{}");
      // Once: a second signal ends it at once.
      if (child.killed || !asked.url?.includes("/secrets/")) return void answer();
      child.kill("SIGTERM");
      setTimeout(answer, 100);
    }).listen(0, "127.0.0.1");
    await once(api, "listening");
    const config = { apiVersion: "v1", kind: "Config", "current-context": "a", contexts: [{ name: "a", context: { cluster: "a", user: "a" } }], users: [{ name: "a", user: {} }], clusters: [{ name: "a", cluster: { server: `http://127.0.0.1:${(api.address() as AddressInfo).port}`, "insecure-skip-tls-verify": true } }] };
    await writeFile(join(folder, "kubeconfig"), JSON.stringify(config));
    const args = ["serve", "--cluster", "--cert-secret", "a/b", "--url", "https://127.0.0.1:1", "--port", "0"];
    const child = spawn(process.execPath, [program.main, ...args], { stdio: "ignore", env: { PATH: process.env["PATH"], HOME: folder, KUBECONFIG: join(folder, "kubeconfig") } });
    try {
      expect(await once(child, "exit")).toEqual([0, null]);
    } finally {
      child.kill("SIGKILL");
      api.closeAllConnections();
      api.close();
    }
  }, 30_000);

  it("sends a span per review to the collector that it is told of, the last ones before it ends", async () => {
    let told = "";
    const collector = createServer((asked, response) => void asked.on("data", (chunk) => (told += String(chunk))).on("end", () => response.end("{}"))).listen(0, "127.0.0.1");
    await once(collector, "listening");
    const server = await start(["--port", "0", "--cert-dir", join(folder, "certs"), "--otlp-endpoint", `http://127.0.0.1:${(collector.address() as AddressInfo).port}`]);
    await post(`${server.url}/validate`, await readFile(join(folder, "certs", "ca.crt"), "utf8"), pod("traced"));
    server.child.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    expect(told).toContain('"stringValue":"traced"');
    collector.close();
  });

  it("takes over other packs under load: no request is lost, each is answered by one of them whole, and a bad pack changes nothing", async () => {
    const packs = join(folder, "reloaded");
    const version = (action: string): string => `apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: house}\nspec: {rules: [{id: open, check: forbid-allow-all, enforcementAction: ${action}}]}\n`;
    await mkdir(packs);
    const put = async (text: string): Promise<void> => {
      await writeFile(join(packs, ".house.yaml"), text);
      await rename(join(packs, ".house.yaml"), join(packs, "house.yaml"));
    };
    await put(version("deny"));
    const server = await start(["--packs", packs, "--port", "0", "--cert-dir", join(folder, "certs")]);
    const ca = await readFile(join(folder, "certs", "ca.crt"), "utf8");
    const agent = new Agent({ keepAlive: true, maxSockets: 8, ca });
    const open = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "open", namespace: "shop" }, spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] } };
    const change = review({ uid: "o", kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" }, resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" }, name: "open", namespace: "shop", operation: "CREATE", object: open, dryRun: true });
    const answers = new Map<string, number>();
    const load = { on: true, failed: 0 };
    const client = async (): Promise<void> => {
      while (load.on) {
        const text = await post(`${server.url}/validate`, ca, change, agent).catch(() => "");
        if (text === "") load.failed++;
        else {
          const { allowed, auditAnnotations } = (JSON.parse(text) as AdmissionReviewOut).response;
          const answer = `${allowed} ${auditAnnotations?.["packs"]}`;
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (let i = 0; i < 6; i++) {
      const before = server.log().split("other packs are in force").length;
      await put(version(i % 2 === 0 ? "warn" : "deny"));
      await server.until(() => server.log().split("other packs are in force").length > before);
    }
    await put("kind: [");
    await server.logged("its last good state stays in force");
    const ready = await get(`${server.url}/readyz?verbose`, ca);
    const metrics = await get(`${server.url}/metrics`, ca);
    await put(version("warn"));
    await server.until(() => server.log().split("other packs are in force").length > 7);
    load.on = false;
    await Promise.all(clients);
    agent.destroy();
    server.child.kill("SIGTERM");
    expect(load.failed).toBe(0);
    // One digest refuses, the other one admits; never a mixture.
    expect([...answers.keys()].sort()).toEqual([expect.stringMatching(/^false sha256:/), expect.stringMatching(/^true sha256:/)]);
    expect(ready).toMatch(/\[\+\]packs ok: house \(sha256:[0-9a-f]+\); the last good state of `\S+house.yaml` is kept: \S+house.yaml:1:\d+: .*\n/);
    expect(metrics).toContain("sluice_packs_refused 1");
    expect(metrics).toMatch(/sluice_packs_reloads_total\{result="taken"\} 6\n/);
    const decision = server.log().split("\n").find((line) => line.includes('"uid"')) ?? "";
    expect(JSON.parse(decision)).toMatchObject({ packs: expect.stringMatching(/^[0-9a-f]{8}$/) });
  }, 60_000);

  it("lets everything pass in mode audit, tells what it would refuse, and refuses what an overlay enforces", async () => {
    const packs = join(folder, "auditing");
    await mkdir(packs);
    await writeFile(join(packs, "house.yaml"), PACK.replace("names: [shop]", "names: [shop, guarded]"));
    await writeFile(join(packs, "rollout.yaml"), "apiVersion: sluice.dev/v1alpha1\nkind: PackOverlay\nmetadata: {name: rollout}\nspec: {enforce: [{rules: ['house/*'], namespaces: [guarded]}]}\n");
    const server = await start(["--mode", "audit", "--audit-warnings", "--packs", packs, "--port", "0", "--cert-dir", join(folder, "certs")]);
    const ca = await readFile(join(folder, "certs", "ca.crt"), "utf8");
    const inNamespace = (name: string): object => JSON.parse(JSON.stringify(pod("p")).replaceAll('"shop"', `"${name}"`)) as object;
    const answer = async (name: string): Promise<AdmissionReviewOut["response"]> => (JSON.parse(await post(`${server.url}/validate`, ca, inNamespace(name))) as AdmissionReviewOut).response;
    expect(await answer("shop")).toMatchObject({ allowed: true, warnings: [expect.stringMatching(/^\[house\/closed\] would be refused: /)] });
    expect(await answer("guarded")).toMatchObject({ allowed: false });
    const metrics = await get(`${server.url}/metrics`, ca);
    server.child.kill("SIGTERM");
    await server.ended;
    expect(metrics).toMatch(/^sluice_admission_requests_total\{route="validate",operation="CREATE",outcome="would-deny"\} 1$/m);
    expect(server.log()).toContain('"msg":"would deny"');
  }, 30_000);

  it.each([
    ["a mode that is none", ["--mode", "quiet"], "`--mode quiet` is none of enforce, audit"],
    ["a lease that nobody could keep", ["--lease", "2"], "`--lease 2` is not a number from 3 to 60"],
    ["a state that is not there", ["--state", "gone"], "gone: no such file or folder"],
    ["packs that are not there", ["--packs", "gone"], "gone: no such file or folder"],
    ["a Secret without a cluster", ["--cert-secret", "a/b"], "`--cert-secret` needs `--cluster`"],
    ["a Secret that is none", ["--cluster", "--cert-secret", "garbage"], "`--cert-secret garbage` is not NAMESPACE/NAME"],
    ["an address that is none", ["--cluster", "--cert-secret", "a/b", "--url", "garbage"], "`--url garbage` is not of the form https://host:port"],
    ["two states", ["--state", "x", "--cluster"], "give `--state` or `--cluster`, not both"],
    ["workers without a cluster", ["--workers", "2", "--state", "x"], "`--workers` needs `--cluster`: a state of files changes with each admitted request"],
    ["a record of workers", ["--workers", "2", "--cluster", "--record", "x"], "`--record` needs `--workers 1`"],
    ["an address that is not ours", ["--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1"],
  ])("answers 2 to %s", async (_, args, message) => {
    const { code, stderr, stdout } = await program.run(["serve", "--cert-dir", join(folder, "certs"), ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  interface Served {
    readonly child: ChildProcess;
    readonly hello: string;
    readonly url: string;
    readonly ended: Promise<number | null>;
    logged(text: string): Promise<void>;
    log(): string;
    until(test: () => boolean): Promise<void>;
  }

  async function start(args: readonly string[]): Promise<Served> {
    const child = spawn(process.execPath, [program.main, "serve", ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const text = { out: "", log: "" };
    child.stdout.on("data", (chunk: Buffer) => (text.out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (text.log += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const until = async (test: () => boolean): Promise<void> => {
      for (let tries = 0; tries < 400 && !test(); tries++) await new Promise((resolve) => setTimeout(resolve, 25));
      if (!test()) throw new Error(`${text.out}\n${text.log}`);
    };
    await until(() => text.out.includes("curl"));
    return { child, hello: text.out, url: /https:\/\/127\.0\.0\.1:\d+/.exec(text.out)?.[0] ?? "", ended, logged: (what) => until(() => text.log.includes(what)), log: () => text.log, until };
  }

  function post(url: string, ca: string, body: object, agent?: Agent): Promise<string> {
    return send(request(url, { method: "POST", ca, ...(agent && { agent }), headers: { "content-type": "application/json" } }), JSON.stringify(body));
  }

  function get(url: string, ca: string): Promise<string> {
    return send(request(url, { ca }));
  }

  function send(call: ClientRequest, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      call.on("response", (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve(text));
      });
      call.on("error", reject);
      call.end(body);
    });
  }
});
