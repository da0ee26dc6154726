/*-------------------------------------------------------------------------
 *
 * redact_secret.c
 *		Keys and tokens: what opens something.
 *
 * Providers mark their keys with a prefix, so that they can be found; a
 * token is looked at once, and at each of its starts the prefixes are tried.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_check.h"
#include "redact/redact_scan_int.h"

#define MIN_TOKEN 12

/* Characters of the part behind a prefix. */
typedef enum Alphabet
{
	BASE62,	   /* letters and digits */
	BASE64URL, /* and '_' '-' */
	BASE64,	   /* and '+' '/' '=' */
	HEX,	   /* lower or upper case */
	UPPER32,   /* A-Z 2-7, as base 32 */
	UPPER36,   /* A-Z 0-9 */
	DOTTED	   /* BASE64URL and '.' */
} Alphabet;

typedef struct SecretRule
{
	const char *prefix;
	Alphabet alphabet;
	uint16_t min; /* characters behind the prefix */
	uint16_t max; /* 0: no limit */
	RedactEntity entity;
	const char *rule;
} SecretRule;

static const SecretRule rules[] = {
	{"AKIA", UPPER36, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_access_key"},
	{"ASIA", UPPER36, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_session_key"},
	{"ABIA", UPPER36, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_bearer_key"},
	{"ACCA", UPPER36, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_context_key"},
	{"AIza", BASE64URL, 35, 35, REDACT_API_KEY, "google_api_key"},
	{"ya29.", DOTTED, 20, 0, REDACT_AUTH_TOKEN, "google_oauth"},
	{"GOCSPX-", BASE64URL, 28, 28, REDACT_API_KEY, "google_client_secret"},
	{"ghp_", BASE62, 36, 36, REDACT_API_KEY, "github_token"},
	{"gho_", BASE62, 36, 36, REDACT_API_KEY, "github_oauth"},
	{"ghu_", BASE62, 36, 36, REDACT_API_KEY, "github_user"},
	{"ghs_", BASE62, 36, 36, REDACT_API_KEY, "github_server"},
	{"ghr_", BASE62, 36, 76, REDACT_API_KEY, "github_refresh"},
	{"github_pat_", BASE64URL, 82, 82, REDACT_API_KEY, "github_pat"},
	{"glpat-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_pat"},
	{"gldt-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_deploy"},
	{"glrt-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_runner"},
	{"glft-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_feed"},
	{"glcbt-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_ci"},
	{"glptt-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_trigger"},
	{"glsoat-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_scim"},
	{"glimt-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_mail"},
	{"glagent-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_agent"},
	{"gloas-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_oauth"},
	{"glffct-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_flags"},
	{"xoxb-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_bot"},
	{"xoxp-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_user"},
	{"xoxa-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_app"},
	{"xoxr-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_refresh"},
	{"xoxs-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_session"},
	{"xoxe-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_config"},
	{"xapp-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_app_level"},
	{"sk-ant-", BASE64URL, 24, 0, REDACT_API_KEY, "anthropic_key"},
	{"sk-proj-", BASE64URL, 24, 0, REDACT_API_KEY, "openai_project"},
	{"sk-svcacct-", BASE64URL, 24, 0, REDACT_API_KEY, "openai_service"},
	{"sk-or-v1-", HEX, 64, 64, REDACT_API_KEY, "openrouter_key"},
	{"sk-lf-", BASE64URL, 30, 0, REDACT_API_KEY, "langfuse_key"},
	{"sk-", BASE64URL, 32, 0, REDACT_API_KEY, "openai_key"},
	{"sk_live_", BASE62, 10, 99, REDACT_API_KEY, "stripe_live"},
	{"rk_live_", BASE62, 10, 99, REDACT_API_KEY, "stripe_restricted_live"},
	{"sk_test_", BASE62, 10, 99, REDACT_API_KEY, "stripe_test"},
	{"rk_test_", BASE62, 10, 99, REDACT_API_KEY, "stripe_restricted_test"},
	{"sk_prod_", BASE62, 10, 99, REDACT_API_KEY, "stripe_prod"},
	{"rk_prod_", BASE62, 10, 99, REDACT_API_KEY, "stripe_restricted_prod"},
	{"whsec_", BASE64, 24, 0, REDACT_API_KEY, "webhook_secret"},
	{"hf_", BASE62, 34, 34, REDACT_API_KEY, "huggingface"},
	{"api_org_", BASE62, 34, 34, REDACT_API_KEY, "huggingface_org"},
	{"npm_", BASE62, 36, 36, REDACT_API_KEY, "npm_token"},
	{"pypi-", BASE64URL, 50, 0, REDACT_API_KEY, "pypi_token"},
	{"SG.", DOTTED, 66, 66, REDACT_API_KEY, "sendgrid"},
	{"dop_v1_", HEX, 64, 64, REDACT_API_KEY, "digitalocean_pat"},
	{"doo_v1_", HEX, 64, 64, REDACT_API_KEY, "digitalocean_oauth"},
	{"dor_v1_", HEX, 64, 64, REDACT_API_KEY, "digitalocean_refresh"},
	{"shpat_", HEX, 32, 32, REDACT_API_KEY, "shopify_access"},
	{"shpca_", HEX, 32, 32, REDACT_API_KEY, "shopify_custom"},
	{"shppa_", HEX, 32, 32, REDACT_API_KEY, "shopify_private"},
	{"shpss_", HEX, 32, 32, REDACT_API_KEY, "shopify_secret"},
	{"dapi", HEX, 32, 34, REDACT_API_KEY, "databricks"},
	{"hvs.", DOTTED, 24, 0, REDACT_API_KEY, "vault_service"},
	{"hvb.", DOTTED, 24, 0, REDACT_API_KEY, "vault_batch"},
	{"AGE-SECRET-KEY-1", UPPER36, 58, 58, REDACT_PRIVATE_KEY, "age_key"},
	{"lin_api_", BASE62, 40, 40, REDACT_API_KEY, "linear_key"},
	{"ntn_", BASE62, 40, 60, REDACT_API_KEY, "notion_token"},
	{"secret_", BASE62, 43, 43, REDACT_API_KEY, "notion_secret"},
	{"PMAK-", BASE64URL, 59, 59, REDACT_API_KEY, "postman_key"},
	{"LTAI", BASE62, 12, 20, REDACT_API_KEY, "alibaba_key"},
	{"AKCp", BASE62, 69, 69, REDACT_API_KEY, "artifactory_key"},
	{"cmVmdGtu", BASE62, 56, 56, REDACT_API_KEY, "artifactory_reference"},
	{"ATATT3", BASE64, 180, 0, REDACT_API_KEY, "atlassian_token"},
	{"ATBB", BASE62, 32, 32, REDACT_API_KEY, "bitbucket_password"},
	{"CLOJARS_", BASE62, 60, 60, REDACT_API_KEY, "clojars_token"},
	{"dp.pt.", BASE62, 40, 44, REDACT_API_KEY, "doppler_token"},
	{"dt0c01.", DOTTED, 80, 0, REDACT_API_KEY, "dynatrace_token"},
	{"duffel_live_", BASE64URL, 43, 43, REDACT_API_KEY, "duffel_live"},
	{"duffel_test_", BASE64URL, 43, 43, REDACT_API_KEY, "duffel_test"},
	{"EZAK", BASE62, 54, 54, REDACT_API_KEY, "easypost_key"},
	{"EZTK", BASE62, 54, 54, REDACT_API_KEY, "easypost_test"},
	{"FLWSECK_TEST-", BASE62, 12, 40, REDACT_API_KEY, "flutterwave_test"},
	{"FLWSECK-", BASE64URL, 32, 40, REDACT_API_KEY, "flutterwave_key"},
	{"fio-u-", BASE64URL, 64, 64, REDACT_API_KEY, "frameio_token"},
	{"FlyV1", BASE64, 20, 0, REDACT_API_KEY, "flyio_token"},
	{"fm2_", BASE64, 40, 0, REDACT_API_KEY, "flyio_macaroon"},
	{"glc_", BASE64, 32, 0, REDACT_API_KEY, "grafana_cloud"},
	{"glsa_", BASE64URL, 41, 41, REDACT_API_KEY, "grafana_service"},
	{"HRKU-AA", BASE64URL, 50, 60, REDACT_API_KEY, "heroku_key"},
	{"ico-", BASE62, 32, 32, REDACT_API_KEY, "infracost_key"},
	{"key-", HEX, 32, 32, REDACT_API_KEY, "mailgun_key"},
	{"pubkey-", HEX, 32, 32, REDACT_API_KEY, "mailgun_public"},
	{"NRAK-", UPPER36, 27, 27, REDACT_API_KEY, "newrelic_user"},
	{"NRJS-", HEX, 19, 19, REDACT_API_KEY, "newrelic_browser"},
	{"NRII-", BASE64URL, 32, 32, REDACT_API_KEY, "newrelic_insert"},
	{"oy2", BASE62, 43, 43, REDACT_API_KEY, "nuget_key"},
	{"API-", UPPER36, 26, 32, REDACT_API_KEY, "octopus_key"},
	{"ops_eyJ", BASE64, 200, 0, REDACT_API_KEY, "onepassword_token"},
	{"pplx-", BASE62, 48, 48, REDACT_API_KEY, "perplexity_key"},
	{"pscale_tkn_", DOTTED, 32, 64, REDACT_API_KEY, "planetscale_token"},
	{"pscale_pw_", DOTTED, 32, 64, REDACT_API_KEY, "planetscale_password"},
	{"pscale_oauth_", DOTTED, 32, 64, REDACT_API_KEY, "planetscale_oauth"},
	{"pnu_", BASE62, 36, 36, REDACT_API_KEY, "prefect_key"},
	{"pul-", HEX, 40, 40, REDACT_API_KEY, "pulumi_token"},
	{"rdme_", BASE62, 70, 70, REDACT_API_KEY, "readme_key"},
	{"rubygems_", HEX, 48, 48, REDACT_API_KEY, "rubygems_key"},
	{"tk-us-", BASE64URL, 48, 48, REDACT_API_KEY, "scalingo_token"},
	{"xkeysib-", BASE64URL, 81, 81, REDACT_API_KEY, "brevo_key"},
	{"sntrys_", BASE64, 60, 0, REDACT_API_KEY, "sentry_org"},
	{"sntryu_", HEX, 64, 64, REDACT_API_KEY, "sentry_user"},
	{"sm_aat_", BASE62, 16, 16, REDACT_API_KEY, "settlemint_token"},
	{"shippo_live_", HEX, 40, 40, REDACT_API_KEY, "shippo_live"},
	{"shippo_test_", HEX, 40, 40, REDACT_API_KEY, "shippo_test"},
	{"EAAA", BASE64URL, 60, 60, REDACT_API_KEY, "square_access"},
	{"sq0atp-", BASE64URL, 22, 22, REDACT_API_KEY, "square_oauth"},
	{"sq0csp-", BASE64URL, 43, 43, REDACT_API_KEY, "square_secret"},
	{"SK", HEX, 32, 32, REDACT_API_KEY, "twilio_key"},
	{"tfp_", BASE64URL, 40, 64, REDACT_API_KEY, "typeform_token"},
	{"xai-", BASE62, 70, 90, REDACT_API_KEY, "xai_key"},
	{"gsk_", BASE62, 52, 52, REDACT_API_KEY, "groq_key"},
	{"r8_", BASE62, 37, 37, REDACT_API_KEY, "replicate_token"},
	{"lsv2_pt_", BASE64URL, 42, 44, REDACT_API_KEY, "langsmith_token"},
	{"sbp_", HEX, 40, 40, REDACT_API_KEY, "supabase_pat"},
	{"sb_secret_", BASE64URL, 22, 48, REDACT_API_KEY, "supabase_secret"},
	{"rnd_", BASE62, 28, 40, REDACT_API_KEY, "render_key"},
	{"figd_", BASE64URL, 40, 44, REDACT_API_KEY, "figma_token"},
	{"tskey-", BASE64URL, 20, 0, REDACT_API_KEY, "tailscale_key"},
	{"dckr_pat_", BASE64URL, 27, 27, REDACT_API_KEY, "docker_pat"},
	{"bkua_", HEX, 40, 40, REDACT_API_KEY, "buildkite_token"},
	{"CCIPAT_", BASE64URL, 40, 0, REDACT_API_KEY, "circleci_token"},
	{"CFPAT-", BASE64URL, 43, 43, REDACT_API_KEY, "contentful_token"},
	{"nfp_", BASE62, 36, 40, REDACT_API_KEY, "netlify_token"},
	{"pcsk_", BASE64URL, 60, 0, REDACT_API_KEY, "pinecone_key"},
	{"re_", BASE64URL, 32, 36, REDACT_API_KEY, "resend_key"},
	{"sgp_", HEX, 40, 60, REDACT_API_KEY, "sourcegraph_token"},
	{"sqp_", HEX, 40, 40, REDACT_API_KEY, "sonar_project"},
	{"squ_", HEX, 40, 40, REDACT_API_KEY, "sonar_user"},
	{"sqa_", HEX, 40, 40, REDACT_API_KEY, "sonar_analysis"},
	{"tvly-", BASE62, 32, 36, REDACT_API_KEY, "tavily_key"},
	{"vercel_", BASE62, 24, 0, REDACT_API_KEY, "vercel_token"},
	{"p8e-", BASE62, 32, 32, REDACT_API_KEY, "adobe_secret"},
	{"v1.0-", HEX, 24, 0, REDACT_API_KEY, "cloudflare_origin_ca"},
	{"pat-na1-", BASE64URL, 36, 36, REDACT_API_KEY, "hubspot_pat"},
	{"pat-eu1-", BASE64URL, 36, 36, REDACT_API_KEY, "hubspot_pat_eu"},
	{"waka_", BASE64URL, 36, 36, REDACT_API_KEY, "wakatime_key"},
	{"ZAPI", BASE62, 40, 0, REDACT_API_KEY, "zapier_key"},
	{"phc_", BASE62, 43, 43, REDACT_API_KEY, "posthog_project"},
	{"phx_", BASE62, 43, 43, REDACT_API_KEY, "posthog_personal"},
	{"nvapi-", BASE64URL, 60, 70, REDACT_API_KEY, "nvidia_key"},
	{"co_live_", BASE62, 32, 0, REDACT_API_KEY, "cohere_key"},
	{"eyJ", DOTTED, 30, 0, REDACT_JWT, "jwt"},
};

static bool
in_alphabet(uint8_t c, Alphabet alphabet)
{
	uint8_t class = redact_class[c];

	switch (alphabet)
	{
		case BASE62:
			return class & (CC_DIGIT | CC_LOWER | CC_UPPER);
		case BASE64URL:
			return (class & (CC_DIGIT | CC_LOWER | CC_UPPER)) || c == '_' ||
				   c == '-';
		case BASE64:
			return (class & CC_B64) || c == '=';
		case HEX:
			return (class & CC_DIGIT) ||
				   ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
		case UPPER32:
			return (class & CC_UPPER) || (c >= '2' && c <= '7');
		case UPPER36:
			return class & (CC_UPPER | CC_DIGIT);
		case DOTTED:
			return (class & (CC_DIGIT | CC_LOWER | CC_UPPER)) || c == '_' ||
				   c == '-' || c == '.';
	}
	return false;
}

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Decode base64 or base64url; returns the bytes written. */
static uint32_t
decode_base64(const uint8_t *from, uint32_t len, uint8_t *to, uint32_t size)
{
	uint32_t bits = 0;
	int nbits = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < len && n < size; i++)
	{
		int v = base64_value(from[i]);

		if (v < 0)
			break;
		bits = bits << 6 | v;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			to[n++] = bits >> nbits;
		}
	}
	return n;
}

static bool
contains(const uint8_t *text, uint32_t len, const char *what)
{
	uint32_t n = strlen(what);

	for (uint32_t i = 0; i + n <= len; i++)
	{
		if (memcmp(text + i, what, n) == 0)
			return true;
	}
	return false;
}

/* A JWT's first part is an encoded JSON object that names its algorithm. */
static bool
is_jwt(const RedactScanner *s, uint32_t start, uint32_t end)
{
	const uint8_t *dot = memchr(s->text + start, '.', end - start);
	uint8_t header[192];
	uint32_t n;

	if (dot == NULL || dot + 4 >= s->text + end)
		return false;
	n = decode_base64(s->text + start, dot - (s->text + start), header,
					  sizeof(header));
	return contains(header, n, "\"alg\"") || contains(header, n, "\"enc\"");
}

/* Try one rule at start; returns the end of the secret, or 0. */
static uint32_t
try_rule(const RedactScanner *s, uint32_t start, const SecretRule *rule)
{
	size_t prefix = strlen(rule->prefix);
	uint32_t from = start + prefix;
	uint32_t end = from;

	if (from >= s->len || memcmp(s->text + start, rule->prefix, prefix) != 0)
		return 0;
	while (end - from < 4096 && in_alphabet(redact_at(s, end), rule->alphabet))
		end++;
	while (end > from &&
		   (redact_at(s, end - 1) == '.' || redact_at(s, end - 1) == '-'))
		end--;
	if (end - from < rule->min)
		return 0;
	if (rule->max > 0 && end - from > rule->max)
	{
		/* a limit that is exact must be the end of the token */
		return 0;
	}
	if (rule->entity == REDACT_JWT && !is_jwt(s, start, end))
		return 0;
	return end;
}

/*
 * How sure: a GitHub or npm token whose checksum holds is one; where it does
 * not, and where a token has no digit, it may be an example or a word.
 */
static int
score_token(const RedactScanner *s, uint32_t start, uint32_t end,
			const SecretRule *rule)
{
	uint32_t body = start + strlen(rule->prefix);
	bool digit = false;
	bool letter = false;

	for (uint32_t i = body; i < end; i++)
	{
		digit |= (redact_class_at(s, i) & CC_DIGIT) != 0;
		letter |= (redact_class_at(s, i) & CC_ALPHA) != 0;
	}
	if (rule->min == 36 && rule->max == 36 &&
		(rule->prefix[0] == 'g' || rule->prefix[0] == 'n'))
		return check_token_crc(s->text + body, 36) ? 99 : 85;
	return digit && letter ? 95 : rule->entity == REDACT_AWS_ACCESS_KEY ? 80
																		: 45;
}

/* All prefixes at each start within the token [start, end). */
static void
find_prefixes(RedactScanner *s, uint32_t start, uint32_t end)
{
	bool at_start = true;

	for (uint32_t i = start; i + MIN_TOKEN <= end; i++)
	{
		uint8_t class = redact_class_at(s, i);

		if (at_start && (class & (CC_LOWER | CC_UPPER)))
		{
			for (size_t r = 0; r < sizeof(rules) / sizeof(rules[0]); r++)
			{
				uint32_t stop;

				if (rules[r].prefix[0] != redact_at(s, i))
					continue;
				stop = try_rule(s, i, &rules[r]);
				if (stop == 0)
					continue;
				redact_offer(s, i, stop, rules[r].entity,
							 score_token(s, i, stop, &rules[r]),
							 rules[r].rule);
				i = stop - 1;
				break;
			}
		}
		at_start = !(class & CC_ALNUM);
	}
}

/* -----BEGIN ... PRIVATE KEY----- to its END, or as far as the block goes. */
static uint32_t
verify_pem(RedactScanner *s, uint32_t pos)
{
	static const char begin[] = "-----BEGIN ";
	static const char what[] = "PRIVATE KEY";
	uint32_t i = pos + sizeof(begin) - 1;
	uint32_t end;
	bool is_private = false;

	if (pos + sizeof(begin) + sizeof(what) > s->len ||
		memcmp(s->text + pos, begin, sizeof(begin) - 1) != 0)
		return 0;
	for (uint32_t k = 0; k < 32 && i + sizeof(what) < s->len; k++, i++)
	{
		if (memcmp(s->text + i, what, sizeof(what) - 1) == 0)
		{
			is_private = true;
			break;
		}
	}
	if (!is_private)
		return 0;
	i += sizeof(what) - 1;
	/* header, body and footer hold base64, blanks, and header lines */
	for (end = i; end - i < 16384 && end < s->len; end++)
	{
		uint8_t c = redact_at(s, end);

		if (!(redact_class[c] & (CC_B64 | CC_SPACE)) &&
			strchr("=:,-\\()", c) == NULL)
			break;
		if (c == '-' && end > i + 5 && end + 8 < s->len &&
			memcmp(s->text + end, "-----END", 8) == 0)
		{
			end += 8;
			while (end - i < 16384 && redact_at(s, end) != '\n' &&
				   end < s->len && redact_at(s, end) != '-')
				end++;
			while (redact_at(s, end) == '-')
				end++;
			break;
		}
	}
	redact_offer(s, pos, end, REDACT_PRIVATE_KEY, 100, "private_key");
	return end;
}

/* ---- wallets -------------------------------------------------------- */

static bool
is_hex(const uint8_t *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!in_alphabet(c[i], HEX))
			return false;
	}
	return true;
}

static void
verify_wallet(RedactScanner *s, uint32_t start, uint32_t end)
{
	const uint8_t *c = s->text + start;
	uint32_t n = end - start;
	int score = 0;

	if (!redact_wants(s, REDACT_CRYPTO))
		return;
	if (n >= 26 && n <= 35 &&
		((memchr("13LMT", c[0], 5) != NULL && check_base58(c, n, false)) ||
		 (c[0] == 'r' && check_base58(c, n, true))))
		score = 95;
	else if (n >= 26 && n <= 90 &&
			 (memcmp(c, "bc1", 3) == 0 || memcmp(c, "BC1", 3) == 0 ||
			  memcmp(c, "tb1", 3) == 0 || memcmp(c, "ltc1", 4) == 0) &&
			 check_bech32(c, n))
		score = 97;
	else if (n == 42 && c[0] == '0' && c[1] == 'x' && is_hex(c + 2, 40))
	{
		bool small = false;
		bool large = false;

		for (uint32_t i = 2; i < n; i++)
		{
			small |= c[i] >= 'a';
			large |= c[i] >= 'A' && c[i] <= 'F';
		}
		if (small && large)
			score = check_eip55(c + 2) ? 95 : 0;
		else
		{
			RedactCtx ctx = redact_context(s, start, end);

			score = redact_ctx_has(&ctx, REDACT_CTX_WALLET) ? 80 : 40;
		}
	}
	if (score > 0)
		redact_offer(s, start, end, REDACT_CRYPTO, score, "wallet");
}

/* ---- values of keys ------------------------------------------------- */

/* Words that stand where a secret would, and are none. */
static bool
is_no_value(const uint8_t *c, uint32_t n)
{
	static const char *const words[] = {
		"null",	 "none",	"true",		"false",  "yes",	"no",
		"nil",	 "required", "optional", "string", "text", "password",
		"secret", "token",	"changeme", "undefined", "default", "empty",
		"varchar", "integer", "boolean", "bearer", "basic", "here"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		uint32_t k = 0;

		while (k < n && words[i][k] != '\0' &&
			   redact_lower(c[k]) == (uint8_t) words[i][k])
			k++;
		if (k == n && words[i][k] == '\0')
			return true;
	}
	return false;
}

static bool
ends_value(uint8_t c)
{
	return (redact_class[c] & CC_SPACE) ||
		   (c < 0x80 && strchr("\"'`,;<>)]}|", c) != NULL);
}

/*
 * "key: value", "key=value" with the separator at pos: if the key names a
 * secret, the value is one. What is only letters may as well be prose or
 * source code, and scores below the usual threshold.
 */
static void
verify_pair(RedactScanner *s, uint32_t pos)
{
	uint32_t key_end = pos;
	uint32_t key;
	uint32_t start = pos + 1;
	uint32_t end;
	RedactCtx ctx;
	bool password;
	bool digit = false;
	bool letter = false;
	bool other = false;

	while (key_end > 0 && pos - key_end < 3 &&
		   strchr(" \"'*", redact_at(s, key_end - 1)) != NULL)
		key_end--;
	key = key_end;
	while (key > 0 && key_end - key < 40 &&
		   ((redact_class_at(s, key - 1) & CC_ALNUM) ||
			redact_at(s, key - 1) == '_' || redact_at(s, key - 1) == '-' ||
			(redact_at(s, key - 1) == ' ' && key_end - key < 12)))
		key--;
	if (key_end - key < 3)
		return;
	ctx = redact_context_of((const char *) s->text + key, key_end - key);
	password = redact_ctx_has(&ctx, REDACT_CTX_PASSWORD);
	if (!password && !redact_ctx_has(&ctx, REDACT_CTX_SECRET))
		return;

	while (start < pos + 5 &&
		   (redact_at(s, start) == ' ' || redact_at(s, start) == '"' ||
			redact_at(s, start) == '\'' || redact_at(s, start) == '=' ||
			redact_at(s, start) == '>'))
		start++;
	if (redact_at(s, start) == '$' || redact_at(s, start) == '<' ||
		redact_at(s, start) == '%' || redact_at(s, start) == '{' ||
		redact_at(s, start) == '*' || redact_at(s, start) == '/')
		return; /* a variable, a placeholder, a path */
	for (int scheme = 0;; scheme++)
	{
		end = start;
		while (end - start < 512 && !ends_value(redact_at(s, end)) &&
			   end < s->len)
			end++;
		/* "Authorization: Bearer x" */
		if (scheme > 0 || redact_at(s, end) != ' ' ||
			end - start < 5 || end - start > 6 ||
			!is_no_value(s->text + start, end - start))
			break;
		start = end + 1;
	}
	while (end > start && strchr(".:!?", redact_at(s, end - 1)) != NULL)
		end--;
	if (end - start < (password ? 4 : 8) ||
		is_no_value(s->text + start, end - start))
		return;
	for (uint32_t i = start; i < end; i++)
	{
		uint8_t class = redact_class_at(s, i);

		digit |= (class & CC_DIGIT) != 0;
		letter |= (class & CC_ALPHA) != 0;
		other |= !(class & CC_ALNUM);
		/* a call, a reference, a path in source code */
		if (redact_at(s, i) == '(' || redact_at(s, i) == '[' ||
			(redact_at(s, i) == '.' && redact_at(s, i - 1) == '.') ||
			(redact_at(s, i) == ':' && redact_at(s, i + 1) == ':') ||
			(redact_at(s, i) == '-' && redact_at(s, i + 1) == '>'))
			return;
	}
	redact_offer(s, start, end, password ? REDACT_PASSWORD : REDACT_API_KEY,
				 digit && letter ? 75 : digit || other ? 48 : 42,
				 password ? "password_value" : "secret_value");
}

uint32_t
redact_verify_equals(RedactScanner *s, uint32_t pos)
{
	if (redact_wants(s, REDACT_PASSWORD) || redact_wants(s, REDACT_API_KEY))
		verify_pair(s, pos);
	return pos + 1;
}

/*
 * A token that follows "password is", "secret key" and the like, and looks
 * made up: letters and digits, or letters of both cases, or odd characters.
 */
static void
verify_bare(RedactScanner *s, uint32_t start, uint32_t end)
{
	RedactCtx ctx;
	uint32_t n = end - start;
	bool lower = false;
	bool upper = false;
	bool digit = false;
	bool hex = true;

	if (n < 20 || n > 128)
		return;
	for (uint32_t i = start; i < end; i++)
	{
		uint8_t class = redact_class_at(s, i);

		lower |= (class & CC_LOWER) != 0;
		upper |= (class & CC_UPPER) != 0;
		digit |= (class & CC_DIGIT) != 0;
		hex = hex && in_alphabet(redact_at(s, i), HEX);
	}
	if (!lower || !upper || !digit || hex)
		return;
	ctx = redact_context(s, start, end);
	if (!redact_ctx_has(&ctx, REDACT_CTX_SECRET))
		return;
	redact_offer(s, start, end,
				 n == 40 ? REDACT_AWS_SECRET_KEY : REDACT_API_KEY,
				 n == 40 ? 70 : 55, "secret_token");
}

uint32_t
redact_verify_token(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t end = pos;

	if (redact_at(s, pos) == '-' && redact_at(s, pos + 1) == '-')
	{
		end = verify_pem(s, pos);
		if (end > 0)
			return end;
		while (redact_at(s, end) == '-')
			end++;
		return end > pos ? end : pos + 1;
	}
	if (pos < s->token_end)
		return pos + 1;
	while (start > s->token_end && (redact_class_at(s, start - 1) & CC_B64))
		start--;
	while (redact_class_at(s, end) & CC_B64)
		end++;
	/* a prefix may end with a dot: "hvs.", "dp.pt." */
	for (int dots = 0; dots < 2 && start >= 3 && start > s->token_end + 1 &&
					   redact_at(s, start - 1) == '.';
		 dots++)
	{
		uint32_t part = start - 1;

		while (part > s->token_end && start - part < 8 &&
			   (redact_class_at(s, part - 1) & CC_B64))
			part--;
		start = part;
	}
	s->token_end = end > pos ? end : pos + 1;
	if (end - start >= MIN_TOKEN || redact_at(s, end) == '.')
		find_prefixes(s, start,
					  end - start >= MIN_TOKEN ? end : end + MIN_TOKEN);
	if (end - start >= 20)
	{
		verify_wallet(s, start, end);
		verify_bare(s, start, end);
	}
	return pos + 1;
}
