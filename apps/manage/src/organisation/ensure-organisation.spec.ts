import type { EnsureOutcome, OrganisationStore } from '@berth/metadata';
import { loadSettings } from '@berth/platform';
import { EnsureOrganisation } from './ensure-organisation.js';

const ANN = '7f2504e0-4f89-41d3-9a0c-0305e82c3301';

/** A store in which `existing` is there, and a new one comes out as the test says. */
function useCase(existing: Record<string, string>, outcome: EnsureOutcome = { organisationId: '9' }, env = {}) {
  const made: [string, string | null][] = [];
  const store: Pick<OrganisationStore, 'find' | 'ensure'> = {
    find: async (name) => existing[name] ?? null,
    ensure: async (...organisation) => {
      made.push(organisation);
      return outcome;
    },
  };
  return { ensure: new EnsureOrganisation(store as OrganisationStore, loadSettings(env)), made };
}

describe(EnsureOrganisation, () => {
  it('finds what is there, and makes nothing', async () => {
    const { ensure, made } = useCase({ team: '7' });
    expect(await ensure.run({ name: 'team', creatorId: ANN })).toEqual({ organisationId: '7' });
    expect(made).toEqual([]);
  });

  it('makes what is missing, for the pusher', async () => {
    const { ensure, made } = useCase({});
    expect(await ensure.run({ name: 'team', creatorId: ANN })).toEqual({ organisationId: '9' });
    expect(made).toEqual([['team', ANN]]);
  });

  it('makes it for nobody in particular in open mode', async () => {
    const { ensure, made } = useCase({});
    await ensure.run({ name: 'team' });
    expect(made).toEqual([['team', null]]);
  });

  it.each([
    ['quota-reached', /quota/],
    ['creator-unknown', /no longer exists/],
    ['taken', /somebody else/],
  ] as const)('refuses with 403 where the store says %s, and says why', async (outcome, why) => {
    const failure = useCase({}, outcome).ensure.run({ name: 'team', creatorId: ANN });
    await expect(failure).rejects.toMatchObject({ code: 'DENIED', status: 403, detail: { organisation: 'team' } });
    await expect(failure).rejects.toThrow(why);
  });

  describe('where pushes make no organisations', () => {
    const settings = { BERTH_CREATE_ORGANISATIONS: 'false' };

    it('refuses what is missing, and still finds what is there', async () => {
      const { ensure, made } = useCase({ team: '7' }, undefined, settings);
      await expect(ensure.run({ name: 'other' })).rejects.toMatchObject({ code: 'DENIED' });
      expect(await ensure.run({ name: 'team' })).toEqual({ organisationId: '7' });
      expect(made).toEqual([]);
    });
  });
});
