import json
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# What differs between one installation of the site and another.
LOCAL = json.loads((BASE_DIR / "local.json").read_text())

SECRET_KEY = LOCAL["secret_key"]
DEBUG = False

ALLOWED_HOSTS = ["mysite.example"] + LOCAL["more_allowed_hosts"]
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = LOCAL["redirect_exempt"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
INSTALLED_APPS = ["pages"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "pages.middleware.Trouble",
]

DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", **LOCAL["database"]}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Its own handler would write to the administrators; what reaches root is enough.
    "loggers": {"django": {"handlers": [], "level": "WARNING", "propagate": True}},
}
