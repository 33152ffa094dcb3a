// An OpenID provider: the arguments are the package and the port.
const [, , library, port] = process.argv;
const { Provider } = await import(library);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [],
  cookies: { keys: ["only for tests"] },
  features: { devInteractions: { enabled: false } },
});
provider.listen(Number(port), "127.0.0.1");
