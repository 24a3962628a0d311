/** Says that it is ready, then lives until it is killed. */
console.log('ready');
setInterval(() => undefined, 1 << 30);
