/*-------------------------------------------------------------------------
 *
 * redact_entity.h
 *		What can be found: entities, their groups and their regions.
 *
 * Names are Presidio's where it has one, so that its users keep theirs.
 * A policy row names an entity or one of the groups:
 *
 *	STRUCTURED	identifies a person or an account by its shape or checksum
 *	SECRETS		opens something: keys, tokens, passwords
 *	QUASI		says little alone: dates, ages, links, postcodes
 *	NAMES		people, places, organisations
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_ENTITY_H
#define INTEL_REDACT_ENTITY_H

#include <stdint.h>

/* clang-format off */
/* Regions, as ISO 3166 codes; ZZ: everywhere. The order is that of the bits. */
#define REDACT_REGIONS(R) \
	R(ZZ) R(AR) R(AT) R(AU) R(BE) R(BG) R(BR) R(CA) R(CH) R(CL) R(CN) \
	R(CO) R(CZ) R(DE) R(DK) R(EC) R(EE) R(ES) R(FI) R(FR) R(GB) R(GR) \
	R(HR) R(HU) R(ID) R(IE) R(IL) R(IN) R(IS) R(IT) R(JP) R(KR) R(LT) \
	R(LU) R(LV) R(MX) R(MY) R(NG) R(NL) R(NO) R(NZ) R(PE) R(PH) R(PK) \
	R(PL) R(PT) R(RO) R(RS) R(RU) R(SE) R(SG) R(SI) R(SK) R(TH) R(TR) \
	R(TW) R(UA) R(US) R(UY) R(VE) R(ZA)

/* name, group, region */
#define REDACT_ENTITIES(E)                                                    \
	E(EMAIL_ADDRESS, STRUCTURED, ZZ)                                          \
	E(PHONE_NUMBER, STRUCTURED, ZZ)                                           \
	E(CREDIT_CARD, STRUCTURED, ZZ)                                            \
	E(CREDIT_CARD_CVV, STRUCTURED, ZZ)                                        \
	E(CREDIT_CARD_EXPIRY, STRUCTURED, ZZ)                                     \
	E(PIN, SECRETS, ZZ)                                                       \
	E(IBAN_CODE, STRUCTURED, ZZ)                                              \
	E(SWIFT_CODE, STRUCTURED, ZZ)                                             \
	E(IP_ADDRESS, STRUCTURED, ZZ)                                             \
	E(MAC_ADDRESS, STRUCTURED, ZZ)                                            \
	E(CRYPTO, STRUCTURED, ZZ)                                                 \
	E(IMEI, STRUCTURED, ZZ)                                                   \
	E(IMSI, STRUCTURED, ZZ)                                                   \
	E(ICCID, STRUCTURED, ZZ)                                                  \
	E(VIN, STRUCTURED, ZZ)                                                    \
	E(LICENSE_PLATE, STRUCTURED, ZZ)                                          \
	E(GPS_COORDINATES, STRUCTURED, ZZ)                                        \
	E(PASSPORT, STRUCTURED, ZZ)                                               \
	E(PASSPORT_MRZ, STRUCTURED, ZZ)                                           \
	E(DRIVER_LICENSE, STRUCTURED, ZZ)                                         \
	E(NATIONAL_ID, STRUCTURED, ZZ)                                            \
	E(TAX_ID, STRUCTURED, ZZ)                                                 \
	E(BANK_ACCOUNT, STRUCTURED, ZZ)                                           \
	E(MEDICAL_RECORD, STRUCTURED, ZZ)                                         \
	E(CUSTOMER_NUMBER, STRUCTURED, ZZ)                                        \
	E(DATE_OF_BIRTH, STRUCTURED, ZZ)                                          \
	E(USERNAME, STRUCTURED, ZZ)                                               \
	E(MEDICAL_LICENSE, STRUCTURED, US)                                        \
	E(US_SSN, STRUCTURED, US)                                                 \
	E(US_ITIN, STRUCTURED, US)                                                \
	E(US_EIN, STRUCTURED, US)                                                 \
	E(US_ATIN, STRUCTURED, US)                                                \
	E(US_BANK_NUMBER, STRUCTURED, US)                                         \
	E(US_BANK_ROUTING, STRUCTURED, US)                                        \
	E(US_PASSPORT, STRUCTURED, US)                                            \
	E(US_DRIVER_LICENSE, STRUCTURED, US)                                      \
	E(US_NPI, STRUCTURED, US)                                                 \
	E(US_MBI, STRUCTURED, US)                                                 \
	E(CA_SIN, STRUCTURED, CA)                                                 \
	E(CA_HEALTH_NUMBER, STRUCTURED, CA)                                       \
	E(UK_NHS, STRUCTURED, GB)                                                 \
	E(UK_NINO, STRUCTURED, GB)                                                \
	E(UK_UTR, STRUCTURED, GB)                                                 \
	E(UK_PASSPORT, STRUCTURED, GB)                                            \
	E(UK_DRIVING_LICENCE, STRUCTURED, GB)                                     \
	E(UK_VEHICLE_REGISTRATION, STRUCTURED, GB)                                \
	E(UK_SORT_CODE, STRUCTURED, GB)                                           \
	E(IE_PPS, STRUCTURED, IE)                                                 \
	E(DE_TAX_ID, STRUCTURED, DE)                                              \
	E(DE_TAX_NUMBER, STRUCTURED, DE)                                          \
	E(DE_VAT_ID, STRUCTURED, DE)                                              \
	E(DE_ID_CARD, STRUCTURED, DE)                                             \
	E(DE_PASSPORT, STRUCTURED, DE)                                            \
	E(DE_SOCIAL_SECURITY, STRUCTURED, DE)                                     \
	E(DE_HEALTH_INSURANCE, STRUCTURED, DE)                                    \
	E(DE_LANR, STRUCTURED, DE)                                                \
	E(DE_BSNR, STRUCTURED, DE)                                                \
	E(DE_FUEHRERSCHEIN, STRUCTURED, DE)                                       \
	E(DE_KFZ, STRUCTURED, DE)                                                 \
	E(DE_HANDELSREGISTER, STRUCTURED, DE)                                     \
	E(AT_SVNR, STRUCTURED, AT)                                                \
	E(AT_UID, STRUCTURED, AT)                                                 \
	E(CH_AHV, STRUCTURED, CH)                                                 \
	E(CH_UID, STRUCTURED, CH)                                                 \
	E(FR_NIR, STRUCTURED, FR)                                                 \
	E(FR_SIREN, STRUCTURED, FR)                                               \
	E(FR_SIRET, STRUCTURED, FR)                                               \
	E(FR_VAT_ID, STRUCTURED, FR)                                              \
	E(ES_NIF, STRUCTURED, ES)                                                 \
	E(ES_NIE, STRUCTURED, ES)                                                 \
	E(ES_CIF, STRUCTURED, ES)                                                 \
	E(ES_PASSPORT, STRUCTURED, ES)                                            \
	E(ES_SOCIAL_SECURITY, STRUCTURED, ES)                                     \
	E(IT_FISCAL_CODE, STRUCTURED, IT)                                         \
	E(IT_VAT_CODE, STRUCTURED, IT)                                            \
	E(IT_DRIVER_LICENSE, STRUCTURED, IT)                                      \
	E(IT_PASSPORT, STRUCTURED, IT)                                            \
	E(IT_IDENTITY_CARD, STRUCTURED, IT)                                       \
	E(NL_BSN, STRUCTURED, NL)                                                 \
	E(NL_VAT_ID, STRUCTURED, NL)                                              \
	E(BE_NATIONAL_NUMBER, STRUCTURED, BE)                                     \
	E(BE_VAT_ID, STRUCTURED, BE)                                              \
	E(LU_MATRICULE, STRUCTURED, LU)                                           \
	E(PT_NIF, STRUCTURED, PT)                                                 \
	E(PT_CC, STRUCTURED, PT)                                                  \
	E(PL_PESEL, STRUCTURED, PL)                                               \
	E(PL_NIP, STRUCTURED, PL)                                                 \
	E(PL_REGON, STRUCTURED, PL)                                               \
	E(PL_ID_CARD, STRUCTURED, PL)                                             \
	E(SE_PERSONNUMMER, STRUCTURED, SE)                                        \
	E(SE_ORGANISATIONSNUMMER, STRUCTURED, SE)                                 \
	E(FI_PERSONAL_IDENTITY_CODE, STRUCTURED, FI)                              \
	E(FI_BUSINESS_ID, STRUCTURED, FI)                                         \
	E(DK_CPR, STRUCTURED, DK)                                                 \
	E(DK_CVR, STRUCTURED, DK)                                                 \
	E(NO_FODSELSNUMMER, STRUCTURED, NO)                                       \
	E(NO_ORGANISASJONSNUMMER, STRUCTURED, NO)                                 \
	E(IS_KENNITALA, STRUCTURED, IS)                                           \
	E(EE_ISIKUKOOD, STRUCTURED, EE)                                           \
	E(LT_ASMENS_KODAS, STRUCTURED, LT)                                        \
	E(LV_PERSONAS_KODS, STRUCTURED, LV)                                       \
	E(RO_CNP, STRUCTURED, RO)                                                 \
	E(RO_CUI, STRUCTURED, RO)                                                 \
	E(BG_EGN, STRUCTURED, BG)                                                 \
	E(CZ_RODNE_CISLO, STRUCTURED, CZ)                                         \
	E(SK_RODNE_CISLO, STRUCTURED, SK)                                         \
	E(HU_TAX_ID, STRUCTURED, HU)                                              \
	E(HU_TAJ, STRUCTURED, HU)                                                 \
	E(HR_OIB, STRUCTURED, HR)                                                 \
	E(SI_EMSO, STRUCTURED, SI)                                                \
	E(RS_JMBG, STRUCTURED, RS)                                                \
	E(GR_AMKA, STRUCTURED, GR)                                                \
	E(GR_AFM, STRUCTURED, GR)                                                 \
	E(UA_RNOKPP, STRUCTURED, UA)                                              \
	E(RU_INN, STRUCTURED, RU)                                                 \
	E(RU_SNILS, STRUCTURED, RU)                                               \
	E(BR_CPF, STRUCTURED, BR)                                                 \
	E(BR_CNPJ, STRUCTURED, BR)                                                \
	E(MX_CURP, STRUCTURED, MX)                                                \
	E(MX_RFC, STRUCTURED, MX)                                                 \
	E(AR_CUIT, STRUCTURED, AR)                                                \
	E(CL_RUT, STRUCTURED, CL)                                                 \
	E(CO_NIT, STRUCTURED, CO)                                                 \
	E(PE_RUC, STRUCTURED, PE)                                                 \
	E(EC_CEDULA, STRUCTURED, EC)                                              \
	E(UY_CEDULA, STRUCTURED, UY)                                              \
	E(VE_RIF, STRUCTURED, VE)                                                 \
	E(IN_AADHAAR, STRUCTURED, IN)                                             \
	E(IN_PAN, STRUCTURED, IN)                                                 \
	E(IN_GSTIN, STRUCTURED, IN)                                               \
	E(IN_VOTER, STRUCTURED, IN)                                               \
	E(IN_PASSPORT, STRUCTURED, IN)                                            \
	E(IN_NREGA, STRUCTURED, IN)                                               \
	E(IN_VEHICLE_REGISTRATION, STRUCTURED, IN)                                \
	E(AU_TFN, STRUCTURED, AU)                                                 \
	E(AU_ABN, STRUCTURED, AU)                                                 \
	E(AU_ACN, STRUCTURED, AU)                                                 \
	E(AU_MEDICARE, STRUCTURED, AU)                                            \
	E(NZ_IRD, STRUCTURED, NZ)                                                 \
	E(NZ_NHI, STRUCTURED, NZ)                                                 \
	E(SG_NRIC_FIN, STRUCTURED, SG)                                            \
	E(SG_UEN, STRUCTURED, SG)                                                 \
	E(MY_NRIC, STRUCTURED, MY)                                                \
	E(ID_NIK, STRUCTURED, ID)                                                 \
	E(TH_TNIN, STRUCTURED, TH)                                                \
	E(PH_TIN, STRUCTURED, PH)                                                 \
	E(KR_RRN, STRUCTURED, KR)                                                 \
	E(KR_FRN, STRUCTURED, KR)                                                 \
	E(KR_BRN, STRUCTURED, KR)                                                 \
	E(KR_DRIVER_LICENSE, STRUCTURED, KR)                                      \
	E(KR_PASSPORT, STRUCTURED, KR)                                            \
	E(JP_MY_NUMBER, STRUCTURED, JP)                                           \
	E(CN_RESIDENT_ID, STRUCTURED, CN)                                         \
	E(CN_CREDIT_CODE, STRUCTURED, CN)                                         \
	E(TW_NATIONAL_ID, STRUCTURED, TW)                                         \
	E(TW_UBN, STRUCTURED, TW)                                                 \
	E(PK_CNIC, STRUCTURED, PK)                                                \
	E(IL_ID, STRUCTURED, IL)                                                  \
	E(TR_NATIONAL_ID, STRUCTURED, TR)                                         \
	E(TR_TAX_NUMBER, STRUCTURED, TR)                                          \
	E(TR_LICENSE_PLATE, STRUCTURED, TR)                                       \
	E(ZA_ID_NUMBER, STRUCTURED, ZA)                                           \
	E(NG_NIN, STRUCTURED, NG)                                                 \
	E(NG_VEHICLE_REGISTRATION, STRUCTURED, NG)                                \
	E(PASSWORD, SECRETS, ZZ)                                                  \
	E(API_KEY, SECRETS, ZZ)                                                   \
	E(AWS_ACCESS_KEY, SECRETS, ZZ)                                            \
	E(AWS_SECRET_KEY, SECRETS, ZZ)                                            \
	E(AUTH_TOKEN, SECRETS, ZZ)                                                \
	E(JWT, SECRETS, ZZ)                                                       \
	E(PRIVATE_KEY, SECRETS, ZZ)                                               \
	E(URL_CREDENTIALS, SECRETS, ZZ)                                           \
	E(URL, QUASI, ZZ)                                                         \
	E(DATE_TIME, QUASI, ZZ)                                                   \
	E(AGE, QUASI, ZZ)                                                         \
	E(POSTAL_CODE, QUASI, ZZ)                                                 \
	E(PERSON, NAMES, ZZ)                                                      \
	E(LOCATION, NAMES, ZZ)                                                    \
	E(STREET_ADDRESS, NAMES, ZZ)                                              \
	E(ORGANIZATION, NAMES, ZZ)                                                \
	E(NRP, NAMES, ZZ)                                                         \
	E(TITLE, NAMES, ZZ)                                                       \
	E(CUSTOM, STRUCTURED, ZZ)

/* clang-format on */

typedef enum RedactRegion
{
#define R(name) REDACT_REGION_##name,
	REDACT_REGIONS(R)
#undef R
		REDACT_NREGIONS
} RedactRegion;

typedef enum RedactGroup
{
	REDACT_GROUP_STRUCTURED,
	REDACT_GROUP_SECRETS,
	REDACT_GROUP_QUASI,
	REDACT_GROUP_NAMES,
	REDACT_NGROUPS
} RedactGroup;

typedef enum RedactEntity
{
#define E(name, group, region) REDACT_##name,
	REDACT_ENTITIES(E)
#undef E
		REDACT_NENTITIES
} RedactEntity;

typedef struct RedactEntityInfo
{
	const char *name;
	RedactGroup group;
	RedactRegion region;
} RedactEntityInfo;

extern const RedactEntityInfo redact_entities[REDACT_NENTITIES];
extern const char *const redact_groups[REDACT_NGROUPS];
extern const char *const redact_regions[REDACT_NREGIONS];

/* Exact, case-sensitive look-ups; -1 when there is none. */
extern int redact_entity_find(const char *name);
extern int redact_group_find(const char *name);
/* "UK" is accepted for GB. */
extern int redact_region_find(const char *code);

#endif /* INTEL_REDACT_ENTITY_H */
