// The settings of one group. Which proxies may speak for their clients.

export const proxiesRows = [] as const;
