/*-------------------------------------------------------------------------
 *
 * redact_entity.c
 *		Names of entities, groups and regions.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_entity.h"

const RedactEntityInfo redact_entities[REDACT_NENTITIES] = {
#define E(name, group, region)                                                \
	{#name, REDACT_GROUP_##group, REDACT_REGION_##region},
	REDACT_ENTITIES(E)
#undef E
};

const char *const redact_groups[REDACT_NGROUPS] = {"STRUCTURED", "SECRETS",
												   "QUASI", "NAMES"};

const char *const redact_regions[REDACT_NREGIONS] = {
#define R(name) #name,
	REDACT_REGIONS(R)
#undef R
};

int
redact_entity_find(const char *name)
{
	for (int i = 0; i < REDACT_NENTITIES; i++)
	{
		if (strcmp(redact_entities[i].name, name) == 0)
			return i;
	}
	return -1;
}

int
redact_group_find(const char *name)
{
	for (int i = 0; i < REDACT_NGROUPS; i++)
	{
		if (strcmp(redact_groups[i], name) == 0)
			return i;
	}
	return -1;
}

int
redact_region_find(const char *code)
{
	if (strcmp(code, "UK") == 0)
		code = "GB";
	for (int i = 1; i < REDACT_NREGIONS; i++)
	{
		if (strcmp(redact_regions[i], code) == 0)
			return i;
	}
	return -1;
}
