// npm run chaos: see test/chaos/main.ts.
import '../test/chaos/main.ts';
