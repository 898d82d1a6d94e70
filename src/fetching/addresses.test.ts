import { expect, test } from 'vitest'
import { addressJudge } from './addresses.ts'

const judge = addressJudge()

test.each([
  '8.8.8.8',
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.1',
  '100.63.255.255',
  '100.128.0.1',
  '192.0.1.1',
  '2606:4700::1111',
])('%s is public', (address) => expect(judge(address)).toBe('public'))

test.each([
  ['loopback', '127.0.0.1'],
  ['loopback', '127.255.255.254'],
  ['loopback', '::1'],
  ['private', '10.1.2.3'],
  ['private', '172.16.0.1'],
  ['private', '172.31.255.255'],
  ['private', '192.168.1.1'],
  ['unique local', 'fd12:3456::1'],
  ['carrier-grade NAT', '100.64.0.1'],
  ['benchmarking', '198.19.255.255'],
  ['documentation', '192.0.2.1'],
  ['documentation', '198.51.100.7'],
  ['documentation', '203.0.113.9'],
  ['documentation', '2001:db8::1'],
  ['loopback through NAT64', '64:ff9b::7f00:1'],
  ['private through NAT64', '64:ff9b::10.0.0.1'],
])('%s, %s, is private', (_what, address) => expect(judge(address)).toBe('private'))

test.each([
  ['unspecified', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['unspecified', '::'],
  ['link-local', '169.254.1.1'],
  ['metadata', '169.254.169.254'],
  ['metadata', 'fd00:ec2::254'],
  ['metadata', '100.100.100.200'],
  ['metadata', '192.0.0.192'],
  ['metadata', '168.63.129.16'],
  ['metadata through NAT64', '64:ff9b::a9fe:a9fe'],
  ['link-local', 'fe80::1'],
  ['link-local with a zone', 'fe80::1%eth0'],
  ['site-local', 'fec0::1'],
  ['multicast', '224.0.0.1'],
  ['multicast', 'ff02::1'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['IPv4-mapped', '::ffff:8.8.8.8'],
  ['IPv4-mapped', '::ffff:7f00:1'],
  ['IPv4-compatible', '::7f00:1'],
  ['6to4', '2002:7f00:1::1'],
  ['Teredo', '2001:0:53aa:64c::1'],
  ['local NAT64', '64:ff9b:1::1'],
  ['discard', '100::1'],
  ['no address', 'localhost'],
  ['no address', '127.1'],
  ['no address', ''],
])('%s, "%s", is never called by name', (_what, address) => expect(judge(address)).toBe('never'))

test('what goes through NAT64 to a public address is public', () => expect(judge('64:ff9b::808:808')).toBe('public'))
