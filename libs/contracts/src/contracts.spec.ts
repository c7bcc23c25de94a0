import { validateSync } from 'class-validator';
import * as contracts from './index.js';

interface Contract {
  subject: string;
  request?: new () => object;
  event?: new () => object;
  message?: new () => object;
  timeoutMs?: number;
}

const CONTRACTS = Object.entries(contracts as Record<string, unknown>).filter(
  (entry): entry is [string, Contract] => typeof (entry[1] as Contract | null)?.subject === 'string',
);

const messageOf = ({ request, event, message }: Contract) => (request ?? event ?? message)!;

/** Owners of contracts: the services, by the name of their PostgreSQL schema where they have one. */
const OWNERS = ['auth', 'manage', 'registry', 'storage', 'gc', 'gateway'];

describe('the contracts', () => {
  it('are all here', () => {
    expect(CONTRACTS.length).toBeGreaterThan(15);
  });

  it('have a subject each of its own', () => {
    const subjects = CONTRACTS.map(([, { subject }]) => subject);
    expect(subjects).toEqual([...new Set(subjects)]);
  });

  it.each(CONTRACTS)('%s is named by its owner, its topic and its version', (_name, { subject }) => {
    expect(subject).toMatch(/^[a-z]+(\.[a-z]+(-[a-z]+)*)+\.v[1-9]\d*$/);
    expect(OWNERS).toContain(subject.split('.')[0]);
  });

  it.each(CONTRACTS)('%s has a message class of its own, of the same version', (_name, contract) => {
    const { subject } = contract;
    const message = messageOf(contract);
    expect(message.name).toMatch(new RegExp(`V${/\d+$/.exec(subject)![0]}$`));
    expect(CONTRACTS.filter(([, other]) => messageOf(other) === message)).toHaveLength(1);
    expect((contracts as Record<string, unknown>)[message.name]).toBe(message);
  });

  it.each(CONTRACTS)('%s refuses a field that it does not know', (_name, contract) => {
    const message = Object.assign(new (messageOf(contract))(), { surprise: true });
    const failures = validateSync(message, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: false });
    expect(failures.map(({ property }) => property)).toContain('surprise');
  });

  it.each(CONTRACTS.filter(([, { request }]) => request))(
    '%s has a time limit that a client waits out',
    (_name, contract) => {
      expect(contract.timeoutMs).toBeGreaterThan(0);
      expect(contract.timeoutMs).toBeLessThanOrEqual(300_000);
    },
  );
});
