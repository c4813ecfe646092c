// Stands in the bundle for libraries of Grafana's that no panel uses.
module.exports = {};
