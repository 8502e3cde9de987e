export const studyOptions = {} as const;
