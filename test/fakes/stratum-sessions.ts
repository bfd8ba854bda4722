// Short sessions of every dialect, as miners and pools hold them (facts/censorship.md section 4): who says which line, in order.
import type { Dialect } from '../../wire/dialect-names.ts';

export interface SessionLine {
  from: 'miner' | 'pool';
  text: string;
}

export interface Session {
  dialect: Dialect;
  lines: readonly SessionLine[];
  /** Shares handed in. */
  submits: number;
}

function session(dialect: Dialect, submits: number, lines: string): Session {
  return {
    dialect,
    submits,
    lines: lines
      .trim()
      .split('\n')
      .map((line) => line.trim())
      .map((line) => ({ from: line.startsWith('>') ? 'miner' : 'pool', text: line.slice(2) })),
  };
}

const hash = (digit: string): string => digit.repeat(64);

/** `>` is the miner's line, `<` the pool's. */
export const SESSIONS: readonly Session[] = [
  session(
    'bitcoin',
    2,
    `> {"id": 1, "method": "mining.subscribe", "params": ["cpuminer/2.5.1"]}
     < {"id":1,"result":[[["mining.set_difficulty","1"],["mining.notify","1"]],"08000002",4],"error":null}
     > {"id": 2, "method": "mining.authorize", "params": ["wallet.rig", "x"]}
     < {"id":2,"result":true,"error":null}
     < {"id":null,"method":"mining.set_difficulty","params":[512.5]}
     < {"id":null,"method":"mining.notify","params":["bf","${hash('4')}","01000000","072f736c7573682f",[],"00000002","1c2ac4af","504e86b9",false]}
     > {"method": "mining.submit", "params": ["wallet.rig", "bf", "00000001", "504e86ed", "b2957c02"], "id":4}
     < {"error":null,"id":4,"result":true}
     > {"method": "mining.submit", "params": ["wallet.rig", "be", "00000001", "504e86ed", "b2957c03"], "id":5}
     < {"id":5,"result":null,"error":[21,"Job not found",null]}`,
  ),
  // KawPow: set_target, jobs of seven fields.
  session(
    'bitcoin',
    1,
    `> {"id":1,"method":"mining.subscribe","params":["T-Rex/0.26.8"]}
     < {"id":1,"result":[null,"64290b"],"error":null}
     > {"id":2,"method":"mining.authorize","params":["RWallet.rig","x"]}
     < {"id":2,"result":true,"error":null}
     < {"id":null,"method":"mining.set_target","params":["00000000ffff${'0'.repeat(52)}"]}
     < {"id":null,"method":"mining.notify","params":["5f1","${hash('1')}","${hash('2')}","00000000ffff${'0'.repeat(52)}",true,2740000,"1b00ff00"]}
     > {"id":11,"method":"mining.submit","params":["RWallet.rig","5f1","0x64290b0000000001","0x${hash('1')}","0x${hash('3')}"]}
     < {"id":11,"result":true,"error":null}`,
  ),
  session(
    'ethereumstratum1',
    1,
    `> {"id":1,"method":"mining.subscribe","params":["MinerName/1.0.0","EthereumStratum/1.0.0"]}
     < {"id":1,"result":[["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f","EthereumStratum/1.0.0"],"080c"],"error":null}
     > {"id":2,"method":"mining.extranonce.subscribe","params":[]}
     < {"id":2,"result":true,"error":null}
     > {"id":3,"method":"mining.authorize","params":["0xabc.rig","x"]}
     < {"id":3,"result":true,"error":null}
     < {"id":null,"method":"mining.set_difficulty","params":[0.5]}
     < {"id":null,"method":"mining.notify","params":["bf0488aa","${hash('a')}","${hash('b')}",true]}
     < {"id":null,"method":"mining.set_extranonce","params":["af4c"]}
     > {"id":244,"method":"mining.submit","params":["0xabc.rig","bf0488aa","6a909d9bbc0f"]}
     < {"id":244,"result":true,"error":null}`,
  ),
  session(
    'ethereumstratum2',
    1,
    `> {"id":0,"method":"mining.hello","params":{"agent":"ethminer-0.17","host":"pool.example","port":"4d2","proto":"EthereumStratum/2.0.0"}}
     < {"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"1","timeout":"b4","maxerrors":"5","node":"x"}}
     > {"id":1,"method":"mining.subscribe"}
     < {"id":1,"result":"s-12345"}
     > {"id":2,"method":"mining.authorize","params":["0xabc.rig","x"]}
     < {"id":2,"result":"w-123"}
     < {"method":"mining.set","params":{"epoch":"dc","target":"0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba","algo":"ethash","extranonce":"af4c"}}
     < {"method":"mining.notify","params":["bf0488aa","6526d5","${hash('c')}","1"]}
     > {"id":31,"method":"mining.submit","params":["bf0488aa","68765fccd712","w-123"]}
     < {"id":31,"result":true}
     > {"method":"mining.bye"}`,
  ),
  session(
    'ethproxy',
    1,
    `> {"worker":"rig","jsonrpc":"2.0","params":["0x1111111111111111111111111111111111111111","x"],"id":2,"method":"eth_submitLogin"}
     < {"id":2,"jsonrpc":"2.0","result":true}
     > {"worker":"","jsonrpc":"2.0","params":[],"id":3,"method":"eth_getWork"}
     < {"id":3,"jsonrpc":"2.0","result":["0x${hash('d')}","0x${hash('e')}","0x0000000112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba"]}
     < {"id":0,"jsonrpc":"2.0","result":["0x${hash('f')}","0x${hash('e')}","0x0000000112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba"]}
     > {"id":4,"worker":"rig","method":"eth_submitWork","params":["0x1060000000000000","0x${hash('d')}","0x${hash('9')}"]}
     < {"id":4,"jsonrpc":"2.0","result":true}
     > {"id":6,"worker":"","jsonrpc":"2.0","method":"eth_submitHashrate","params":["0x500000","0x${hash('5')}"]}`,
  ),
  session(
    'equihash',
    1,
    `> {"id":1,"method":"mining.subscribe","params":["miniZ/2.4d",null,"pool.example",3333]}
     < {"id":1,"result":[null,"61000000"],"error":null}
     > {"id":2,"method":"mining.authorize","params":["t1abc.rig","x"]}
     < {"id":2,"result":true,"error":null}
     < {"id":null,"method":"mining.set_target","params":["0007fff8${'0'.repeat(56)}"]}
     < {"id":null,"method":"mining.notify","params":["1","04000000","${hash('6')}","${hash('7')}","${hash('0')}","5b1b4f59","8a55081c",true]}
     > {"id":4,"method":"mining.submit","params":["t1abc.rig","1","5b1b4f59","${'0'.repeat(56)}","fd4005${'ab'.repeat(200)}"]}
     < {"id":4,"result":true,"error":null}`,
  ),
  session(
    'kaspa',
    1,
    `> {"id":1,"method":"mining.subscribe","params":["lolMiner 1.88","EthereumStratum/1.0.0"]}
     < {"id":1,"result":[true,"EthereumStratum/1.0.0"]}
     > {"id":2,"method":"mining.authorize","params":["kaspa:qqabc.rig","x"]}
     < {"id":2,"result":true}
     < {"method":"set_extranonce","params":["a1b2",6]}
     < {"method":"mining.set_difficulty","params":[4]}
     < {"method":"mining.notify","params":["12",[6386109471254087131,10250219,1,2],1700000000000]}
     > {"id":9,"method":"mining.submit","params":["kaspa:qqabc.rig","12","0xa1b2000000000001"]}
     < {"id":9,"result":true}`,
  ),
  session(
    'cryptonote',
    1,
    `> {"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4wallet","pass":"x","agent":"XMRig/6.22.2 (Linux x86_64)","algo":["rx/0"]}}
     < {"jsonrpc":"2.0","id":1,"error":null,"result":{"id":"7f","job":{"blob":"${'1010'.repeat(19)}","job_id":"j1","target":"b88d0600","height":3200000,"seed_hash":"${hash('8')}"},"extensions":["keepalive"],"status":"OK"}}
     > {"id":2,"jsonrpc":"2.0","method":"submit","params":{"id":"7f","job_id":"j1","nonce":"d0030040","result":"${hash('2')}"}}
     < {"jsonrpc":"2.0","id":2,"error":null,"result":{"status":"OK"}}
     < {"jsonrpc":"2.0","method":"job","params":{"blob":"${'1010'.repeat(19)}","job_id":"j2","target":"b88d0600","height":3200001,"seed_hash":"${hash('8')}"}}
     > {"id":3,"jsonrpc":"2.0","method":"keepalived","params":{"id":"7f"}}
     < {"jsonrpc":"2.0","id":3,"error":null,"result":{"status":"KEEPALIVED"}}`,
  ),
  // A dialect that is not read: all bytes pass.
  session(
    'unknown',
    0,
    `> {"id":"Stratum","method":"beam_something","x":1}
     < {"id":"Stratum","ok":true}`,
  ),
];
