// The settings of one group. Certificates and what goes with them.

export const tlsRows = [] as const;
