// An OpenID provider: the arguments are the package, the port, and where to add a path to the issuer, or nothing.
const [, , library, port, path = ""] = process.argv;
const { Provider } = await import(library);
const origin = `http://127.0.0.1:${port}`;
const provider = new Provider(origin + path, {
  clients: [],
  cookies: { keys: ["only for tests"] },
  features: { devInteractions: { enabled: false } },
});
provider.listen(Number(port), "127.0.0.1");
