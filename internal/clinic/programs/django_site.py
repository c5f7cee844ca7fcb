"""A Django site as small as it can be; case.py says what is special about it."""
import runpy

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

case = runpy.run_path("case.py")
settings.configure(**{
    "SECRET_KEY": "only for tests",
    "ALLOWED_HOSTS": ["*"],
    "ROOT_URLCONF": __name__,
    "MIDDLEWARE": [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    "TEMPLATES": [{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    "USE_TZ": True,
    "LOGGING_CONFIG": None,
    **case.get("SETTINGS", {}),
})


def home(request):
    return HttpResponse("welcome to the shop")


urlpatterns = [path("", home)] + [path(name, view) for name, view in case.get("URLS", {}).items()]
application = get_wsgi_application()
if "LOCALIZED" in case:
    from django.conf.urls.i18n import i18n_patterns

    urlpatterns += i18n_patterns(*[path(name, view) for name, view in case["LOCALIZED"].items()])
