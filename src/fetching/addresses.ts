import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * What an address is: `public`; `private`, which a host list may allow; or `never`, which only its own literal in that
 * list allows: link-local and metadata addresses, multicast, unspecified, and forms that hide another address.
 */
export type AddressKind = 'public' | 'private' | 'never'

/** Tells what an IP address is, in any spelling that the platform takes. What is not an address is `never`. */
export type JudgeAddress = (address: string) => AddressKind

// IANA special-purpose registries of 2025, with the addresses at which clouds tell secrets to their machines.
const PRIVATE_4 = [
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.0.2.0/24', // documentation, here and below
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24',
  '203.0.113.0/24',
]
const NEVER_4 = [
  '0.0.0.0/8',
  '100.100.100.200/32', // metadata, Alibaba
  '168.63.129.16/32', // metadata, Azure; in a public range
  '169.254.0.0/16', // link-local; metadata of most
  '192.0.0.0/24', // protocol assignments; metadata, Oracle
  '192.88.99.0/24', // 6to4 relays
  '224.0.0.0/4',
  '240.0.0.0/4',
]
const PRIVATE_6 = ['::1/128', 'fc00::/7', '2001:db8::/32', '3fff::/20']
const NEVER_6 = [
  'fd00:ec2::254/128', // metadata, Amazon
  'fd20:ce::254/128', // metadata, Google
  '2001::/23', // protocol assignments, with Teredo
  '2002::/16', // 6to4
]
/** Global unicast, and NAT64, which is judged by the IPv4 address inside. All else is refused. */
const KNOWN_6 = ['2000::/3', '::1/128', 'fc00::/7', '64:ff9b::/96']

/** Makes the judge of addresses. */
export function addressJudge(): JudgeAddress {
  const known6 = listOf(KNOWN_6)
  const never = listOf([...NEVER_4, ...NEVER_6, ...NEVER_4.map(throughNat64)])
  const inner = listOf([...PRIVATE_4, ...PRIVATE_6, ...PRIVATE_4.map(throughNat64)])
  return (address) => {
    const bare = address.replace(/%.*$/s, '')
    const family = isIPv4(bare) ? 'ipv4' : isIPv6(bare) ? 'ipv6' : undefined
    if (family === undefined || (family === 'ipv6' && !known6.check(bare, family))) return 'never'
    if (never.check(bare, family)) return 'never'
    return inner.check(bare, family) ? 'private' : 'public'
  }
}

function listOf(subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', bits = ''] = subnet.split('/')
    list.addSubnet(net, Number(bits), isIPv4(net) ? 'ipv4' : 'ipv6')
  }
  return list
}

function throughNat64(subnet: string): string {
  const [net = '', bits = ''] = subnet.split('/')
  return `64:ff9b::${net}/${96 + Number(bits)}`
}
