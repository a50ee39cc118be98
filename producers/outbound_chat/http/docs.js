// A proxy may serve all of this below another path, where requests then go too.
const servers = [{ url: new URL(".", location).href.slice(0, -1) }]
fetch("openapi.json").then((response) => response.json()).then((document) =>
  SwaggerUIBundle({ spec: { ...document, servers }, dom_id: "#swagger-ui", deepLinking: true, showExtensions: true }))
